/* QUANTIZE from float, and DEQUANTIZE to float. */
#ifndef SNUGNET_FLOAT_H
#define SNUGNET_FLOAT_H

#include "snugnet_math.h"

/* x, rounded half away from zero; the lowest int32 if it does not fit, as on x86. */
SNUGNET_INLINE int32_t snugnet_round(double x) {
  int32_t whole;
  double rest;
  if (!(x > -2147483648.0 && x < 2147483648.0)) {
    return INT32_MIN;
  }
  whole = (int32_t)x;
  rest = x - (double)whole;
  if (rest >= 0.5) {
    return whole == INT32_MAX ? INT32_MIN : whole + 1;
  }
  return rest <= -0.5 ? whole - 1 : whole;
}

/* x / scale, rounded half away from zero, plus the zero point, within limits. x is not NaN. */
SNUGNET_INLINE int32_t snugnet_quantize(float x, float scale, const snugnet_output *output) {
  const float steps = x / scale;
  const float limit = 1073741824.0f;
  const float inside = steps > limit ? limit : steps < -limit ? -limit : steps;
  return snugnet_finish(snugnet_round((double)inside), output);
}

SNUGNET_INLINE float snugnet_dequantize(int32_t x, float scale, int32_t zero_point) {
  return scale * (float)(x - zero_point);
}

#endif
