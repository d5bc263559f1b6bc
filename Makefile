# Martlet: `make demo` segments the sample scan, `make test` runs every test and fetches the libraries that it needs.
SHELL := /bin/sh
MARTLET := .build/release/martlet

BENCH_ENVIRONMENT ?= $(HOME)/.cache/martlet/bench

.PHONY: help system build runtimes demo test conformance sanitize bench bench-stages format lint clean

help:
	@echo "make demo      segment the sample brain scan (builds, draws demo.png; needs no download)"
	@echo "make test      run all tests"
	@echo "make conformance  run all node tests of the ONNX standard"
	@echo "make sanitize  run the CPU kernels under the address and undefined-behaviour sanitizers"
	@echo "make build     build $(MARTLET)"
	@echo "make runtimes  fetch the engine libraries for this machine into .runtime/"
	@echo "make bench     time the benchmark networks beside OpenVINO and ONNX Runtime;  make bench-stages the pipeline's stages"
	@echo "make format    format the sources;  make lint  only checks"

# Headers of the compression libraries, from the system's packages.
system:
	@Tools/install-system-packages.sh

build: system
	swift build -c release --product martlet

runtimes:
	@Tools/fetch-runtimes.sh

demo: build
	@$(MARTLET) run Examples/brain-tissue --input Examples/data/t1_sample.nii.gz --output demo-output \
	  --reference Examples/data/monai_output.nii.gz --reference Examples/data/tissue_reference.nii.gz \
	  --picture demo.png

# Built in one go with the command line, so that neither build makes the other stale.
test: system runtimes
	swift build -c release --build-tests
	SWIFT_BACKTRACE=enable=no swift test -c release --skip-build --disable-xctest

# All node tests of the ONNX standard; `make test` runs those that are in the repository.
conformance: system
	@Tools/fetch-runtimes.sh openvino
	swift build -c release --build-tests
	@Tools/conformance/run.sh

# The network kernels over random shapes, in buffers of exactly the sizes that they may touch. The driver names what it
# leaves out; clang's sanitizers come with the Swift toolchain. Then once more, optimised, between guard pages.
sanitize:
	@mkdir -p .build
	clang -O1 -g -fuse-ld=lld -fsanitize=address,undefined -fno-sanitize=alignment -D_GNU_SOURCE -ISources/CKernels/include \
	  Tools/sanitize/kernels.c Sources/CKernels/network/*.c -o .build/sanitize-kernels -lm -lpthread
	.build/sanitize-kernels
	clang -O2 -fuse-ld=lld -DGUARD_PAGES -D_GNU_SOURCE -ISources/CKernels/include Tools/sanitize/kernels.c \
	  Sources/CKernels/network/*.c -o .build/guarded-kernels -lm -lpthread
	.build/guarded-kernels

# The libraries' wheels go to an environment of their own, outside the repository.
bench: system
	@Tools/compare/bench-environment.sh $(BENCH_ENVIRONMENT)
	swift build -c release --product martlet-benchmarks
	$(BENCH_ENVIRONMENT)/bin/python Tools/compare/bench_engines.py --document

bench-stages: system
	@Tools/fetch-runtimes.sh openvino
	swift run -c release martlet-benchmarks

format:
	swift format --in-place --recursive --parallel Package.swift Sources Tests Benchmarks

lint:
	swift format lint --strict --recursive --parallel Package.swift Sources Tests Benchmarks

clean:
	rm -rf .build .conformance demo-output demo.png
