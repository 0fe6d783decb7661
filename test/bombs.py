import os
import resource
import signal
import socket
import time

# A storm of these must not end the runtime itself: it would end the bomb.
signal.signal(signal.SIGUSR1, lambda *_: None)


def spread(count, work):
    """Runs `work` in so many processes at once, and waits for them."""
    pids = []
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            try:
                work()
            finally:
                os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)


def cpu(end):
    def spin():
        while time.monotonic() < end:
            pass
    spread(16, spin)


def fork(end):
    def breed():
        while time.monotonic() < end:
            try:
                if os.fork() == 0:
                    continue
            except OSError:
                pass
    spread(1, breed)


def memory(end):
    def eat():
        held = []
        while time.monotonic() < end:
            held.append(bytearray(os.urandom(1 << 16)) * 128)
    spread(4, eat)


def disk(end):
    block = os.urandom(1 << 20)
    def fill():
        path = f'/tmp/fill-{os.getpid()}'
        while time.monotonic() < end:
            with open(path, 'wb', buffering=0) as file:
                try:
                    while time.monotonic() < end:
                        file.write(block)
                        os.fsync(file.fileno())
                except OSError:
                    pass
            os.unlink(path)
    spread(4, fill)


def log(end):
    lines = b'a line of a log that nobody will ever want to read, and many of them\n' * 900
    def flood():
        while time.monotonic() < end:
            os.write(1, lines)
    spread(4, flood)


def descriptors(end):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    def hoard():
        while time.monotonic() < end:
            held = []
            try:
                for _ in range(most):
                    held.append(os.open('/proc/self/status', os.O_RDONLY))
            except OSError:
                pass
            for descriptor in held:
                os.close(descriptor)
    spread(64, hoard)


def inodes(end):
    def litter():
        directory = f'/tmp/litter-{os.getpid()}'
        os.mkdir(directory)
        made = 0
        while time.monotonic() < end:
            try:
                os.close(os.open(f'{directory}/{made}', os.O_CREAT | os.O_WRONLY, 0o600))
                made += 1
            except OSError:
                for number in range(made):
                    os.unlink(f'{directory}/{number}')
                made = 0
        for number in range(made):
            os.unlink(f'{directory}/{number}')
        os.rmdir(directory)
    spread(4, litter)


def signals(end):
    def storm():
        while time.monotonic() < end:
            os.kill(0, signal.SIGUSR1)
    spread(64, storm)


def connections(end):
    host, port = os.environ['AWS_LAMBDA_RUNTIME_API'].split(':')
    def flood():
        held = []
        while time.monotonic() < end:
            try:
                one = socket.create_connection((host, int(port)), timeout=1)
                one.sendall(b'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\nX-Slow: ')
                held.append(one)
            except OSError:
                held = []
    spread(16, flood)


def pages(end):
    files = [os.path.join(directory, name) for top in ('/usr', '/var/lang', '/var/runtime') for directory, _, names in os.walk(top) for name in names]
    def thrash():
        while time.monotonic() < end:
            for path in files:
                if time.monotonic() >= end:
                    break
                try:
                    descriptor = os.open(path, os.O_RDONLY)
                except OSError:
                    continue
                try:
                    while os.read(descriptor, 1 << 20):
                        pass
                    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                except OSError:
                    pass
                os.close(descriptor)
    spread(4, thrash)


def calls(end):
    def storm():
        descriptor = os.open('/dev/zero', os.O_RDONLY)
        while time.monotonic() < end:
            for _ in range(1000):
                os.read(descriptor, 1)
                os.stat('/')
    spread(8, storm)


def handler(event, context):
    """Does the harm that `event` names for so many seconds, then ends what is left of it."""
    globals()[event['bomb']](time.monotonic() + event['seconds'])
    # Everything in this environment but its PID 1 and this process.
    os.kill(-1, signal.SIGKILL)
    return event['bomb']
