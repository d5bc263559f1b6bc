#pragma once
#include "elementwise.h"
#include "nifti_convert.h"
#include "resample.h"
#include "sha256.h"
#include "window.h"
