#pragma once
#include "window.h"
