/*
 * Times the norms of norms.c for ../peers/native.ts, which writes requests to this program's input, one at a time, and reads
 * its answers from the output. A request is a line of words, for `prepare` followed by arrays of f32; an answer is a line
 * that starts with `ok` or `error`, for `result` followed by arrays. The program ends with its input.
 *
 *   prepare <kind> <rows> <size> <eps> <scale> <k>, then x, dy for backward, gain and bias     ok <slot>
 *   result <slot>                          ok, then y, or dx and dGain and dBias if the kind has them
 *   time <slot> <calls>                    ok <ns in all> <ns on a core> <probe>
 *   free <slot>                            ok
 *
 * The probe tells whether another thread shares the core; ../worker.ts has it too, and says what is made of it.
 * This file is compiled without the flags of norms.c: no compiler sees both and leaves out work.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "norms.h"

enum { SLOTS = 64, LINE = 256, ALIGNMENT = 64 };

typedef enum { LAYER_NORM, RMS_NORM, ADA_NORM, LAYER_NORM_BACKWARD, SIMPLE_BACKWARD, ADA_NORM_BACKWARD, KINDS } Kind;

static const char *const NAMES[KINDS] = {
    "layerNorm", "rmsNorm", "adaNorm", "layerNormBackward", "layerNormSimpleBackward", "adaNormBackward",
};

typedef struct {
  void *memory; /* NULL where the slot is free; holds all the arrays. */
  Kind kind;
  Shape shape;
  float *x, *dy, *gain, *bias, *mean, *rstd, *out, *d_gain, *d_bias;
} Job;

static Job jobs[SLOTS];

static bool is_backward(Kind kind) { return kind >= LAYER_NORM_BACKWARD; }

static void run(const Job *job) {
  const Job j = *job;
  switch (j.kind) {
    case LAYER_NORM: layer_norm(j.shape, j.x, j.gain, j.bias, j.out); break;
    case RMS_NORM: rms_norm(j.shape, j.x, j.gain, j.out); break;
    case ADA_NORM: ada_norm(j.shape, j.x, j.out); break;
    case LAYER_NORM_BACKWARD:
      layer_norm_backward(j.shape, j.dy, j.x, j.mean, j.rstd, j.gain, j.out, j.d_gain, j.d_bias);
      break;
    case SIMPLE_BACKWARD: layer_norm_simple_backward(j.shape, j.dy, j.x, j.mean, j.rstd, j.out); break;
    default: ada_norm_backward(j.shape, j.dy, j.x, j.mean, j.rstd, j.out);
  }
}

/* Of an array in a job's memory. Arrays of whole pages would lie at the same place within theirs, and a processor would
   take stores to one for loads from another: 64 bytes stay free behind each. */
static size_t bytes_of(size_t length) {
  return (length * sizeof(float) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT + ALIGNMENT;
}

static bool read_floats(float *to, size_t length) { return fread(to, sizeof *to, length, stdin) == length; }

static const char *prepare(Job *job, const char *name, Shape shape) {
  Kind kind = 0;
  while (kind < KINDS && strcmp(name, NAMES[kind]) != 0) kind++;
  if (kind == KINDS) return "no such kind";
  size_t batch = bytes_of(shape.rows * shape.size), row = bytes_of(shape.size), numbers = bytes_of(shape.rows);
  char *memory = aligned_alloc(ALIGNMENT, 3 * batch + 4 * row + 2 * numbers);
  if (!memory) return "out of memory";
  *job = (Job){.memory = memory, .kind = kind, .shape = shape};
  float **const batches[] = {&job->x, &job->dy, &job->out};
  float **const rows[] = {&job->gain, &job->bias, &job->d_gain, &job->d_bias};
  float **const columns[] = {&job->mean, &job->rstd};
  for (int i = 0; i < 3; i++, memory += batch) *batches[i] = (float *)memory;
  for (int i = 0; i < 4; i++, memory += row) *rows[i] = (float *)memory;
  for (int i = 0; i < 2; i++, memory += numbers) *columns[i] = (float *)memory;
  bool read = read_floats(job->x, shape.rows * shape.size) &&
              (!is_backward(kind) || read_floats(job->dy, shape.rows * shape.size)) &&
              read_floats(job->gain, shape.size) && read_floats(job->bias, shape.size);
  if (!read) return "the arrays are incomplete";
  if (is_backward(kind)) row_statistics(shape, job->x, job->mean, job->rstd);
  return NULL;
}

static void give_result(const Job *job) {
  run(job);
  puts("ok");
  fwrite(job->out, sizeof(float), job->shape.rows * job->shape.size, stdout);
  if (job->kind != LAYER_NORM_BACKWARD) return;
  fwrite(job->d_gain, sizeof(float), job->shape.size, stdout);
  fwrite(job->d_bias, sizeof(float), job->shape.size, stdout);
}

static double clock_ns(clockid_t which) {
  struct timespec now;
  clock_gettime(which, &now);
  return now.tv_sec * 1e9 + now.tv_nsec;
}

/* How long a fixed piece of arithmetic takes, relative to the least it ever took. */
static double probe(void) {
  static double fastest = 1e18;
  /* Keeps the arithmetic between the two looks at the clock. */
  volatile double value = 1;
  double start = clock_ns(CLOCK_MONOTONIC), a = value, b = a, c = a, d = a;
  for (int i = 0; i < 20000; i++) {
    a = a * 0.999 + 1;
    b = b * 0.998 + 1;
    c = c * 0.997 + 1;
    d = d * 0.996 + 1;
  }
  value = a + b + c + d;
  double ns = clock_ns(CLOCK_MONOTONIC) - start;
  if (ns < fastest) fastest = ns;
  return ns / fastest;
}

static void time_calls(const Job *job, long calls) {
  double before = probe(), core = clock_ns(CLOCK_PROCESS_CPUTIME_ID), start = clock_ns(CLOCK_MONOTONIC);
  for (long i = 0; i < calls; i++) run(job);
  double ns = clock_ns(CLOCK_MONOTONIC) - start;
  core = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - core;
  double after = probe();
  printf("ok %.0f %.0f %.4f\n", ns, core, before > after ? before : after);
}

/* Does what the line says; returns what is wrong with it, or NULL. */
static const char *answer(const char *line) {
  char kind[32];
  Shape shape;
  int slot = 0;
  long calls;
  const char *format = "prepare %31s %zu %zu %f %f %f";
  if (sscanf(line, format, kind, &shape.rows, &shape.size, &shape.eps, &shape.scale, &shape.k) == 6) {
    while (slot < SLOTS && jobs[slot].memory) slot++;
    const char *error = slot == SLOTS ? "too many jobs" : prepare(&jobs[slot], kind, shape);
    if (!error) printf("ok %d\n", slot);
    return error;
  }
  char word[16];
  int words = sscanf(line, "%15s %d %ld", word, &slot, &calls);
  if (words < 2 || slot < 0 || slot >= SLOTS || !jobs[slot].memory) return "no such request";
  Job *job = &jobs[slot];
  if (strcmp(word, "result") == 0) give_result(job);
  else if (strcmp(word, "time") == 0 && words == 3) time_calls(job, calls);
  else if (strcmp(word, "free") == 0) {
    free(job->memory);
    job->memory = NULL;
    puts("ok");
  } else return "no such request";
  return NULL;
}

int main(void) {
  char line[LINE];
  while (fgets(line, sizeof line, stdin)) {
    const char *error = answer(line);
    if (error) printf("error %s\n", error);
    fflush(stdout);
  }
}
