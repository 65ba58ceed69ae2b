/* The CUDA functions whose results MindSpore looks at while it compiles a graph for GPU; every other function of the
 * CUDA libraries is a generated stub that returns 0, "success". Nothing here can compute anything.
 * Signatures: the headers of CUDA 11 and cuDNN 8; handles and descriptors are passed as plain pointers. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { SUCCESS = 0, OUT_OF_MEMORY = 2, NOT_FOUND = 500 };

/* ---- driver ---- */
int cuInit(unsigned flags) { return SUCCESS; }
int cuDriverGetVersion(int *version) { return *version = 11080, SUCCESS; }
int cuDeviceGetCount(int *count) { return *count = 1, SUCCESS; }
int cuGetProcAddress(const char *name, void **function, int version, unsigned long flags) { return NOT_FOUND; }

/* ---- device ---- */
/* cudaDeviceProp of CUDA 11: the fields up to the processor count, then what is left of its 728 bytes. */
struct DeviceProperties {
    char name[256], uuid[16], luid[8];
    unsigned luid_mask;
    size_t memory, shared_memory_per_block;
    int registers_per_block, warp_size;
    size_t pitch;
    int threads_per_block, block_size[3], grid_size[3], clock_khz;
    size_t constant_memory;
    int major, minor;
    size_t texture_alignment, texture_pitch_alignment;
    int overlap, processors;
    char rest[336];
};
_Static_assert(sizeof(struct DeviceProperties) == 728, "cudaDeviceProp of CUDA 11 has 728 bytes");

int cudaGetDeviceCount(int *count) { return *count = 1, SUCCESS; }
int cudaGetDeviceProperties(struct DeviceProperties *properties, int device) {
    *properties = (struct DeviceProperties){
        .name = "stub", .memory = 16UL << 30, .shared_memory_per_block = 48 << 10, .registers_per_block = 1 << 16,
        .warp_size = 32, .threads_per_block = 1024, .block_size = {1024, 1024, 64},
        .grid_size = {2147483647, 65535, 65535}, .major = 8, .minor = 6, .processors = 80};
    return SUCCESS;
}
int cudaMemGetInfo(size_t *free_bytes, size_t *total) { return *free_bytes = 8UL << 30, *total = 16UL << 30, SUCCESS; }
const char *cudaGetErrorString(int error) { return "stub"; }
const char *cudaGetErrorName(int error) { return "stub"; }

/* ---- memory: ordinary memory of the process, only touched pages count ---- */
int cudaMalloc(void **memory, size_t bytes) {
    *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return *memory == MAP_FAILED ? OUT_OF_MEMORY : SUCCESS;
}
int cudaHostAlloc(void **memory, size_t bytes, unsigned flags) {
    *memory = malloc(bytes);
    return *memory ? SUCCESS : OUT_OF_MEMORY;
}
int cudaFreeHost(void *memory) { return free(memory), SUCCESS; }
int cudaMemcpy(void *to, const void *from, size_t bytes, int kind) { return memcpy(to, from, bytes), SUCCESS; }
int cudaMemcpyAsync(void *to, const void *from, size_t bytes, int kind, void *stream) {
    return memcpy(to, from, bytes), SUCCESS;
}
int cudaMemset(void *memory, int value, size_t bytes) { return memset(memory, value, bytes), SUCCESS; }
int cudaMemsetAsync(void *memory, int value, size_t bytes, void *stream) {
    return memset(memory, value, bytes), SUCCESS;
}
int cudaEventElapsedTime(float *ms, void *begin, void *end) { return *ms = 1, SUCCESS; }

/* ---- handles: a piece of memory that is never looked into ---- */
#define CREATES(name) \
    int name(void **handle) { return *handle = calloc(1, 4096), SUCCESS; }
CREATES(cudaStreamCreate)
CREATES(cudaStreamCreateWithFlags)
CREATES(cudaStreamCreateWithPriority)
CREATES(cudaEventCreate)
CREATES(cudaEventCreateWithFlags)
CREATES(cublasCreate_v2)
CREATES(curandCreateGenerator)
CREATES(cusolverDnCreate)
CREATES(cusolverDnCreateGesvdjInfo)
CREATES(cusparseCreate)
CREATES(cusparseCreateMatDescr)
CREATES(cusparseCreateCsrgemm2Info)
CREATES(cudnnCreate)
CREATES(cudnnCreateActivationDescriptor)
CREATES(cudnnCreateConvolutionDescriptor)
CREATES(cudnnCreateDropoutDescriptor)
CREATES(cudnnCreateFilterDescriptor)
CREATES(cudnnCreateLRNDescriptor)
CREATES(cudnnCreateOpTensorDescriptor)
CREATES(cudnnCreatePoolingDescriptor)
CREATES(cudnnCreateRNNDescriptor)
CREATES(cudnnCreateReduceTensorDescriptor)
CREATES(cudnnCreateTensorDescriptor)

/* ---- versions and modes ---- */
int nvrtcVersion(int *major, int *minor) { return *major = 11, *minor = 8, SUCCESS; }
size_t cudnnGetVersion(void) { return 8906; }
const char *cudnnGetErrorString(int status) { return "stub"; }
int cublasGetMathMode(void *handle, int *mode) { return *mode = 0, SUCCESS; }

/* ---- cuDNN: sizes, and one algorithm for each convolution ---- */
/* The head of cudnnConvolutionFwdAlgoPerf_t and its two sisters; the rest is left as the caller made it. */
struct AlgorithmResult {
    int algorithm, status;
    float ms;
    size_t memory;
};
#define FINDS_ALGORITHM(name) \
    int name(void *handle, void *a, void *b, void *c, void *d, int wanted, int *found, struct AlgorithmResult *result) { \
        return *found = 1, *result = (struct AlgorithmResult){.algorithm = 1}, SUCCESS; \
    }
FINDS_ALGORITHM(cudnnGetConvolutionForwardAlgorithm_v7)
FINDS_ALGORITHM(cudnnGetConvolutionBackwardDataAlgorithm_v7)
FINDS_ALGORITHM(cudnnGetConvolutionBackwardFilterAlgorithm_v7)

#define NEEDS_NO_WORKSPACE(name) \
    int name(void *handle, void *a, void *b, void *c, void *d, int algorithm, size_t *bytes) { \
        return *bytes = 0, SUCCESS; \
    }
NEEDS_NO_WORKSPACE(cudnnGetConvolutionForwardWorkspaceSize)
NEEDS_NO_WORKSPACE(cudnnGetConvolutionBackwardDataWorkspaceSize)
NEEDS_NO_WORKSPACE(cudnnGetConvolutionBackwardFilterWorkspaceSize)

int cudnnGetReductionWorkspaceSize(void *h, void *r, void *a, void *c, size_t *bytes) { return *bytes = 0, SUCCESS; }
int cudnnGetReductionIndicesSize(void *h, void *r, void *a, void *c, size_t *bytes) { return *bytes = 0, SUCCESS; }
int cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize(void *handle, int mode, int operations, void *x, void *z,
                                                             void *y, void *scale, void *activation, size_t *bytes) {
    return *bytes = 0, SUCCESS;
}
int cudnnGetBatchNormalizationBackwardExWorkspaceSize(void *handle, int mode, int operations, void *x, void *y, void *dy,
                                                      void *dz, void *dx, void *scale, void *activation, size_t *bytes) {
    return *bytes = 0, SUCCESS;
}
int cudnnGetBatchNormalizationTrainingExReserveSpaceSize(void *handle, int mode, int operations, void *activation,
                                                         void *x, size_t *bytes) {
    return *bytes = 0, SUCCESS;
}
int cudnnGetTensorSizeInBytes(void *descriptor, size_t *bytes) { return *bytes = 1024, SUCCESS; }
int cudnnDropoutGetStatesSize(void *handle, size_t *bytes) { return *bytes = 1024, SUCCESS; }
int cudnnDropoutGetReserveSpaceSize(void *descriptor, size_t *bytes) { return *bytes = 1024, SUCCESS; }
