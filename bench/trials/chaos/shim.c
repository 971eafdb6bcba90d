/* Loaded before the C library into every process of a router: makes syncs fail and the wall clock jump.
 *
 * What to do stands in a small file that all of them map (bench/trials/chaos/shim.py writes it). The clock is changed only for
 * calls that come from the Python interpreter: threads of the C library and of Ray wait for moments of the wall clock
 * inside the kernel, which knows nothing of the change; when a real clock jumps, both jump.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct faults {
    int64_t clock_ahead_s;
    int64_t syncs_to_fail;
    int64_t failed_pid;         /* process that met the last failure */
    int64_t failed_count;
    int64_t syncs_after_failure; /* by that process: must stay 0 */
};

static struct faults nothing;
static struct faults *faults = &nothing;
static uintptr_t python_from, python_to;

static int find_python(struct dl_phdr_info *loaded, size_t size, void *unused)
{
    (void)size, (void)unused;
    const char *name = strrchr(loaded->dlpi_name, '/');
    name = name ? name + 1 : loaded->dlpi_name;
    int is_library = strncmp(name, "libpython", 9) == 0;
    int is_program = *name == 0 && python_to == 0; /* Python without a shared library is the program itself */
    if (!is_library && !is_program)
        return 0;
    python_from = UINTPTR_MAX, python_to = 0;
    for (int at = 0; at < loaded->dlpi_phnum; at++) {
        uintptr_t start = loaded->dlpi_addr + loaded->dlpi_phdr[at].p_vaddr;
        if (loaded->dlpi_phdr[at].p_type != PT_LOAD)
            continue;
        if (start < python_from)
            python_from = start;
        if (start + loaded->dlpi_phdr[at].p_memsz > python_to)
            python_to = start + loaded->dlpi_phdr[at].p_memsz;
    }
    return is_library;
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("ORDER_ROUTER_FAULTS");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *mapped = mmap(NULL, sizeof(struct faults), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped == MAP_FAILED)
        return;
    if (strstr(program_invocation_short_name, "python"))
        dl_iterate_phdr(find_python, NULL);
    faults = mapped;
}

int fdatasync(int file)
{
    static int (*real)(int);
    if (!real)
        real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    if (__atomic_load_n(&faults->failed_pid, __ATOMIC_ACQUIRE) == getpid())
        __atomic_fetch_add(&faults->syncs_after_failure, 1, __ATOMIC_ACQ_REL);
    if (__atomic_load_n(&faults->syncs_to_fail, __ATOMIC_ACQUIRE) > 0 &&
        __atomic_fetch_sub(&faults->syncs_to_fail, 1, __ATOMIC_ACQ_REL) > 0) {
        __atomic_store_n(&faults->syncs_after_failure, 0, __ATOMIC_RELEASE);
        __atomic_store_n(&faults->failed_pid, getpid(), __ATOMIC_RELEASE);
        __atomic_fetch_add(&faults->failed_count, 1, __ATOMIC_ACQ_REL);
        errno = EIO;
        return -1;
    }
    return real(file);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, now);
    uintptr_t caller = (uintptr_t)__builtin_return_address(0);
    if (result == 0 && clock == CLOCK_REALTIME && caller >= python_from && caller < python_to)
        now->tv_sec += __atomic_load_n(&faults->clock_ahead_s, __ATOMIC_ACQUIRE);
    return result;
}
