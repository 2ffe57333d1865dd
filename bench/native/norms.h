/* The norms of norms.c. All arrays are f32 and aligned to 64 bytes; a batch is rows x size, one row behind the other. */
#ifndef NORMS_H
#define NORMS_H

#include <stddef.h>

/* What the norms are made with: eps is added to the variance; scale and k are adaNorm's C and k. */
typedef struct {
  size_t rows, size;
  float eps, scale, k;
} Shape;

void layer_norm(Shape shape, const float *x, const float *gain, const float *bias, float *y);
void rms_norm(Shape shape, const float *x, const float *gain, float *y);
void ada_norm(Shape shape, const float *x, float *y);

/* What backward needs of forward: one number a row each. */
void row_statistics(Shape shape, const float *x, float *mean, float *rstd);

/* With gain, and with the gradients of gain and bias; and without all three. */
void layer_norm_backward(Shape shape, const float *dy, const float *x, const float *mean, const float *rstd,
                         const float *gain, float *dx, float *d_gain, float *d_bias);
void layer_norm_simple_backward(Shape shape, const float *dy, const float *x, const float *mean, const float *rstd,
                                float *dx);
/* C (1 - k y) is held constant, as the paper has it. */
void ada_norm_backward(Shape shape, const float *dy, const float *x, const float *mean, const float *rstd, float *dx);

#endif
