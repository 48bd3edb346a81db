/* Stands between a process and its files, for tests: LD_PRELOAD=disk_layer.so.
 *
 *     process ──→ open write fsync rename … of files below RUBELLITE_DISK_FOLDER
 *                   │ armed? the n-th call of a kind fails, or writes a part
 *                   └ log: what was done, with all bytes that were written
 *
 * The test maps the file RUBELLITE_DISK_CONTROL (`struct control`), and arms and disarms
 * faults through it while the process runs. The log, RUBELLITE_DISK_LOG, is what
 * tests/durability/disk.py reads to tell what would be left after a loss of power.
 *
 * Every call goes straight to the kernel, so nothing has to be looked up.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { OPEN, WRITE, SYNC, RENAME, TRUNCATE, UNLINK, MAKE_FOLDER, FAILED_SYNC, KINDS };
enum action { FAIL, SHORT, TORN };

struct control {
    uint64_t position;     /* bytes of the log */
    uint64_t hits;         /* calls that were made to fail */
    uint64_t calls[KINDS]; /* calls so far, of each kind */
    uint32_t is_armed;
    uint32_t kind;
    uint32_t action;
    uint32_t error;
    int64_t skip;  /* calls that succeed first */
    int64_t times; /* calls that fail then; below 0: all */
};

struct record {
    uint32_t kind;
    uint32_t flags; /* OPEN: 1 created, 2 truncated; SYNC: 4 of a folder */
    uint64_t file;  /* inode */
    uint64_t offset;
    uint32_t path_bytes;
    uint32_t data_bytes;
};

#define FILES 4096

static char folder[PATH_MAX];
static size_t folder_bytes;
static struct control *control;
static int log_file = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Inodes of open files that are watched; 0: it is not. */
static uint64_t watched[FILES];
static unsigned char is_folder[FILES];

static int raw_open(const char *path, int flags, mode_t mode) {
    return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("RUBELLITE_DISK_FOLDER");
    const char *control_path = getenv("RUBELLITE_DISK_CONTROL");
    const char *log_path = getenv("RUBELLITE_DISK_LOG");
    if (!path || !control_path || !realpath(path, folder))
        return;
    folder_bytes = strlen(folder);
    int file = raw_open(control_path, O_RDWR | O_CLOEXEC, 0);
    void *found = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    syscall(SYS_close, file);
    if (found == MAP_FAILED)
        return;
    if (log_path)
        log_file = raw_open(log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    control = found;
}

static int is_inside(const char *path) {
    return strncmp(path, folder, folder_bytes) == 0 &&
           (path[folder_bytes] == '/' || path[folder_bytes] == 0);
}

/* The absolute name, if it is one of ours. */
static int resolve(int at, const char *path, char *into) {
    if (!control || !path)
        return 0;
    if (path[0] == '/') {
        snprintf(into, PATH_MAX, "%s", path);
    } else {
        char base[PATH_MAX];
        if (at == AT_FDCWD) {
            if (!getcwd(base, sizeof base))
                return 0;
        } else {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", at);
            ssize_t length = readlink(link, base, sizeof base - 1);
            if (length < 0)
                return 0;
            base[length] = 0;
        }
        if (!strcmp(path, "."))
            snprintf(into, PATH_MAX, "%s", base);
        else
            snprintf(into, PATH_MAX, "%.2000s/%.2000s", base, path);
    }
    return is_inside(into);
}

static int is_watched(int file) {
    return control && file >= 0 && file < FILES && watched[file];
}

/* Counts a call; true: it is to fail. With the lock held. */
static int is_hit(enum kind kind) {
    control->calls[kind]++;
    if (!control->is_armed || control->kind != (uint32_t)kind)
        return 0;
    if (control->skip > 0) {
        control->skip--;
        return 0;
    }
    if (control->times == 0)
        return 0;
    if (control->times > 0)
        control->times--;
    control->hits++;
    return 1;
}

static void note(enum kind kind, uint32_t flags, uint64_t file, uint64_t offset, const char *path,
                 size_t path_bytes, const void *data, size_t data_bytes) {
    if (log_file < 0)
        return;
    struct record record = {kind, flags, file, offset, path_bytes, data_bytes};
    struct iovec parts[3] = {
        {&record, sizeof record}, {(void *)path, path_bytes}, {(void *)data, data_bytes}};
    if (syscall(SYS_writev, log_file, parts, 3) !=
        (ssize_t)(sizeof record + path_bytes + data_bytes))
        abort();
    control->position += sizeof record + path_bytes + data_bytes;
}

static int failed(uint32_t error) {
    errno = error;
    return -1;
}

static int open_at(int at, const char *path, int flags, mode_t mode) {
    char full[PATH_MAX];
    if (!resolve(at, path, full))
        return syscall(SYS_openat, at, path, flags, mode);
    pthread_mutex_lock(&lock);
    int writes = (flags & O_ACCMODE) != O_RDONLY;
    struct stat status;
    int is_new = flags & O_CREAT && stat(full, &status) != 0;
    int file = -1;
    if (writes && is_hit(OPEN)) {
        errno = control->error;
    } else {
        file = syscall(SYS_openat, at, path, flags, mode);
    }
    if (file >= 0 && file < FILES && fstat(file, &status) == 0) {
        watched[file] = status.st_ino;
        is_folder[file] = S_ISDIR(status.st_mode);
        if (writes)
            note(OPEN, (is_new ? 1 : 0) | (flags & O_TRUNC ? 2 : 0), status.st_ino, 0, full,
                 strlen(full), NULL, 0);
    }
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return file;
}

#define MODE(flags, last)                                                                          \
    mode_t mode = 0;                                                                               \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                         \
        va_list rest;                                                                              \
        va_start(rest, last);                                                                      \
        mode = va_arg(rest, mode_t);                                                               \
        va_end(rest);                                                                              \
    }

int open(const char *path, int flags, ...) {
    MODE(flags, flags)
    return open_at(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    MODE(flags, flags)
    return open_at(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}
int openat(int at, const char *path, int flags, ...) {
    MODE(flags, flags)
    return open_at(at, path, flags, mode);
}
int openat64(int at, const char *path, int flags, ...) {
    MODE(flags, flags)
    return open_at(at, path, flags | O_LARGEFILE, mode);
}

int close(int file) {
    if (is_watched(file)) {
        pthread_mutex_lock(&lock);
        watched[file] = 0;
        pthread_mutex_unlock(&lock);
    }
    return syscall(SYS_close, file);
}

ssize_t write(int file, const void *data, size_t count) {
    if (!is_watched(file) || count == 0)
        return syscall(SYS_write, file, data, count);
    pthread_mutex_lock(&lock);
    ssize_t written;
    if (is_hit(WRITE)) {
        if (control->action == FAIL || count == 1) {
            written = failed(control->error);
        } else {
            written = syscall(SYS_write, file, data, count / 2);
            if (control->action == TORN)
                control->action = FAIL;
        }
    } else {
        written = syscall(SYS_write, file, data, count);
    }
    int error = errno;
    if (written > 0) {
        off_t end = lseek(file, 0, SEEK_CUR);
        note(WRITE, 0, watched[file], end - written, NULL, 0, data, written);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return written;
}

static ssize_t write_at(int file, const void *data, size_t count, off64_t offset) {
    if (!is_watched(file))
        return syscall(SYS_pwrite64, file, data, count, offset);
    pthread_mutex_lock(&lock);
    ssize_t written = is_hit(WRITE) ? failed(control->error)
                                    : syscall(SYS_pwrite64, file, data, count, offset);
    int error = errno;
    if (written > 0)
        note(WRITE, 0, watched[file], offset, NULL, 0, data, written);
    pthread_mutex_unlock(&lock);
    errno = error;
    return written;
}

ssize_t pwrite(int file, const void *data, size_t count, off_t offset) {
    return write_at(file, data, count, offset);
}
ssize_t pwrite64(int file, const void *data, size_t count, off64_t offset) {
    return write_at(file, data, count, offset);
}

/* All of what writes several buffers goes through `write`, which may write less. */
ssize_t writev(int file, const struct iovec *parts, int count) {
    if (!is_watched(file))
        return syscall(SYS_writev, file, parts, count);
    for (int at = 0; at < count; at++)
        if (parts[at].iov_len)
            return write(file, parts[at].iov_base, parts[at].iov_len);
    return 0;
}

static int sync_file(int number, int file) {
    if (!is_watched(file))
        return syscall(number, file);
    pthread_mutex_lock(&lock);
    uint32_t flags = is_folder[file] ? 4 : 0;
    char path[PATH_MAX] = "", link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = flags ? readlink(link, path, sizeof path - 1) : 0;
    int result;
    if (is_hit(SYNC)) {
        note(FAILED_SYNC, flags, watched[file], 0, path, length > 0 ? length : 0, NULL, 0);
        result = failed(control->error);
    } else {
        note(SYNC, flags, watched[file], 0, path, length > 0 ? length : 0, NULL, 0);
        /* Nothing here has to outlive the machine. */
        result = 0;
    }
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int fsync(int file) { return sync_file(SYS_fsync, file); }
int fdatasync(int file) { return sync_file(SYS_fdatasync, file); }

static int truncate_to(int file, const char *path, off_t length) {
    char full[PATH_MAX];
    struct stat status;
    if (path ? !resolve(AT_FDCWD, path, full) : !is_watched(file))
        return path ? syscall(SYS_truncate, path, length) : syscall(SYS_ftruncate, file, length);
    pthread_mutex_lock(&lock);
    int result = -1;
    if (is_hit(TRUNCATE))
        errno = control->error;
    else
        result = path ? syscall(SYS_truncate, path, length) : syscall(SYS_ftruncate, file, length);
    int error = errno;
    if (result == 0 && (path ? stat(full, &status) : fstat(file, &status)) == 0)
        note(TRUNCATE, 0, status.st_ino, length, NULL, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int ftruncate(int file, off_t length) { return truncate_to(file, NULL, length); }
int ftruncate64(int file, off64_t length) { return truncate_to(file, NULL, length); }
int truncate(const char *path, off_t length) { return truncate_to(-1, path, length); }
int truncate64(const char *path, off64_t length) { return truncate_to(-1, path, length); }

static int rename_at(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    char old[PATH_MAX], new[PATH_MAX];
    if (!resolve(from_at, from, old) || !resolve(to_at, to, new))
        return syscall(SYS_renameat2, from_at, from, to_at, to, flags);
    pthread_mutex_lock(&lock);
    int result = -1;
    if (is_hit(RENAME))
        errno = control->error;
    else
        result = syscall(SYS_renameat2, from_at, from, to_at, to, flags);
    int error = errno;
    if (result == 0)
        note(RENAME, 0, 0, 0, old, strlen(old), new, strlen(new));
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int rename(const char *from, const char *to) {
    return rename_at(AT_FDCWD, from, AT_FDCWD, to, 0);
}
int renameat(int from_at, const char *from, int to_at, const char *to) {
    return rename_at(from_at, from, to_at, to, 0);
}
int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    return rename_at(from_at, from, to_at, to, flags);
}

static int unlink_at(int at, const char *path, int flags) {
    char full[PATH_MAX];
    if (!resolve(at, path, full))
        return syscall(SYS_unlinkat, at, path, flags);
    pthread_mutex_lock(&lock);
    int result = -1;
    if (is_hit(UNLINK))
        errno = control->error;
    else
        result = syscall(SYS_unlinkat, at, path, flags);
    int error = errno;
    if (result == 0)
        note(UNLINK, 0, 0, 0, full, strlen(full), NULL, 0);
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int unlink(const char *path) { return unlink_at(AT_FDCWD, path, 0); }
int unlinkat(int at, const char *path, int flags) { return unlink_at(at, path, flags); }

int mkdir(const char *path, mode_t mode) {
    char full[PATH_MAX];
    if (!resolve(AT_FDCWD, path, full))
        return syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    pthread_mutex_lock(&lock);
    int result = -1;
    if (is_hit(MAKE_FOLDER))
        errno = control->error;
    else
        result = syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    int error = errno;
    if (result == 0)
        note(MAKE_FOLDER, 0, 0, 0, full, strlen(full), NULL, 0);
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}
