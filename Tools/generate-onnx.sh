#!/bin/sh
# Regenerates Sources/Graphs/ONNX/onnx.pb.swift from onnx.proto.
# Needs protoc (Debian: protobuf-compiler) and protoc-gen-swift of the swift-protobuf version in Package.swift:
#   swift build -c release --product protoc-gen-swift      (in a clone of apple/swift-protobuf; put it on the PATH)
set -eu
cd "$(dirname "$0")/../Sources/Graphs/ONNX"
protoc --swift_out=. --swift_opt=UseAccessLevelOnImports=true onnx.proto
