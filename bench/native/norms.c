/*
 * The norms in plain C, as one writes them for speed: f32 with sums in f32, two passes for the variance, loops that a
 * compiler turns into vectors by itself. Compiled for the machine it runs on, with sums in any order (-ffast-math): what
 * that takes is the yardstick for what a portable module of 128-bit vectors takes. Built for speed only: rows far from the
 * origin come out worse than adanorm has them.
 */
#include "norms.h"

#include <math.h>
#include <string.h>

typedef struct {
  float mean, rstd;
} Statistics;

static inline Statistics statistics(Shape shape, const float *restrict x) {
  float sum = 0;
  for (size_t i = 0; i < shape.size; i++) sum += x[i];
  float mean = sum / shape.size;
  float squares = 0;
  for (size_t i = 0; i < shape.size; i++) squares += (x[i] - mean) * (x[i] - mean);
  return (Statistics){mean, 1 / sqrtf(squares / shape.size + shape.eps)};
}

void row_statistics(Shape shape, const float *restrict x, float *restrict mean, float *restrict rstd) {
  for (size_t row = 0; row < shape.rows; row++) {
    Statistics found = statistics(shape, x + row * shape.size);
    mean[row] = found.mean;
    rstd[row] = found.rstd;
  }
}

void layer_norm(Shape shape, const float *restrict x, const float *restrict gain, const float *restrict bias,
                float *restrict y) {
  for (size_t row = 0; row < shape.rows; row++, x += shape.size, y += shape.size) {
    Statistics found = statistics(shape, x);
    for (size_t i = 0; i < shape.size; i++) y[i] = (x[i] - found.mean) * found.rstd * gain[i] + bias[i];
  }
}

void rms_norm(Shape shape, const float *restrict x, const float *restrict gain, float *restrict y) {
  for (size_t row = 0; row < shape.rows; row++, x += shape.size, y += shape.size) {
    float squares = 0;
    for (size_t i = 0; i < shape.size; i++) squares += x[i] * x[i];
    float rstd = 1 / sqrtf(squares / shape.size + shape.eps);
    for (size_t i = 0; i < shape.size; i++) y[i] = x[i] * rstd * gain[i];
  }
}

void ada_norm(Shape shape, const float *restrict x, float *restrict y) {
  for (size_t row = 0; row < shape.rows; row++, x += shape.size, y += shape.size) {
    Statistics found = statistics(shape, x);
    for (size_t i = 0; i < shape.size; i++) {
      float z = (x[i] - found.mean) * found.rstd;
      y[i] = shape.scale * (1 - shape.k * z) * z;
    }
  }
}

/*
 * Backward is dx = rstd (e - mean(e) - mean(e z) z), z the normalised row and e the gradient with respect to it.
 */

/* e = gain dy. dGain and dBias are summed over rows in f32, a row at a time. */
void layer_norm_backward(Shape shape, const float *restrict dy, const float *restrict x, const float *restrict mean,
                         const float *restrict rstd, const float *restrict gain, float *restrict dx,
                         float *restrict d_gain, float *restrict d_bias) {
  memset(d_gain, 0, shape.size * sizeof *d_gain);
  memset(d_bias, 0, shape.size * sizeof *d_bias);
  for (size_t row = 0; row < shape.rows; row++, x += shape.size, dy += shape.size, dx += shape.size) {
    float m = mean[row], r = rstd[row], sum_e = 0, sum_ez = 0;
    for (size_t i = 0; i < shape.size; i++) {
      float z = (x[i] - m) * r, e = gain[i] * dy[i];
      d_gain[i] += dy[i] * z;
      d_bias[i] += dy[i];
      sum_e += e;
      sum_ez += e * z;
    }
    float mean_e = sum_e / shape.size, mean_ez = sum_ez / shape.size;
    for (size_t i = 0; i < shape.size; i++) dx[i] = r * (gain[i] * dy[i] - mean_e - mean_ez * (x[i] - m) * r);
  }
}

/* e = dy */
void layer_norm_simple_backward(Shape shape, const float *restrict dy, const float *restrict x,
                                const float *restrict mean, const float *restrict rstd, float *restrict dx) {
  for (size_t row = 0; row < shape.rows; row++, x += shape.size, dy += shape.size, dx += shape.size) {
    float m = mean[row], r = rstd[row], sum_e = 0, sum_ez = 0;
    for (size_t i = 0; i < shape.size; i++) {
      sum_e += dy[i];
      sum_ez += dy[i] * (x[i] - m) * r;
    }
    float mean_e = sum_e / shape.size, mean_ez = sum_ez / shape.size;
    for (size_t i = 0; i < shape.size; i++) dx[i] = r * (dy[i] - mean_e - mean_ez * (x[i] - m) * r);
  }
}

/* e = C (1 - k z) dy */
void ada_norm_backward(Shape shape, const float *restrict dy, const float *restrict x, const float *restrict mean,
                       const float *restrict rstd, float *restrict dx) {
  for (size_t row = 0; row < shape.rows; row++, x += shape.size, dy += shape.size, dx += shape.size) {
    float m = mean[row], r = rstd[row], sum_e = 0, sum_ez = 0;
    for (size_t i = 0; i < shape.size; i++) {
      float z = (x[i] - m) * r, e = shape.scale * (1 - shape.k * z) * dy[i];
      sum_e += e;
      sum_ez += e * z;
    }
    float mean_e = sum_e / shape.size, mean_ez = sum_ez / shape.size;
    for (size_t i = 0; i < shape.size; i++) {
      float z = (x[i] - m) * r, e = shape.scale * (1 - shape.k * z) * dy[i];
      dx[i] = r * (e - mean_e - mean_ez * z);
    }
  }
}
