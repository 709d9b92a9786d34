/* sgemm of the OpenBLAS of the system, one thread, timed here: reads "m k n" and its operands, then a byte per run; answers with seconds. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef void (*sgemm_t)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

int main(void) {
  void *blas = dlopen("libopenblas.so.0", RTLD_NOW);
  if (blas == NULL) return fprintf(stderr, "%s\n", dlerror()), 2;
  sgemm_t sgemm = (sgemm_t)dlsym(blas, "cblas_sgemm");
  void (*set_threads)(int) = (void (*)(int))dlsym(blas, "openblas_set_num_threads");
  int (*threads)(void) = (int (*)(void))dlsym(blas, "openblas_get_num_threads");
  char *(*config)(void) = (char *(*)(void))dlsym(blas, "openblas_get_config");
  if (!sgemm || !set_threads || !threads || !config) return 3;
  set_threads(1);
  printf("%s; threads %d\n", config(), threads());
  fflush(stdout);
  int shape[3];
  while (fread(shape, 4, 3, stdin) == 3) {
    int m = shape[0], k = shape[1], n = shape[2];
    float *x = malloc(4ul * m * k), *w = malloc(4ul * n * k), *y = calloc((size_t)m * n, 4);
    if (fread(x, 4, (size_t)m * k, stdin) != (size_t)m * k || fread(w, 4, (size_t)n * k, stdin) != (size_t)n * k) return 4;
    for (int command; (command = getchar()) == 'r' || command == 'y';) {
      if (command == 'r') {
        double begin = now();
        /* row-major, x as it is, W [n, k] transposed */
        sgemm(101, 111, 112, m, n, k, 1, x, k, w, k, 0, y, n);
        double seconds = now() - begin;
        fwrite(&seconds, 8, 1, stdout);
      } else fwrite(y, 4, (size_t)m * n, stdout);
      fflush(stdout);
    }
    free(x), free(w), free(y);
  }
  return 0;
}
