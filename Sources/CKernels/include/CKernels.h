#pragma once
#include "elementwise.h"
#include "nifti_convert.h"
#include "resample.h"
#include "window.h"
