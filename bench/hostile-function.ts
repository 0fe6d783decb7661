/** What a hostile function does to its own Runtime API, by its event's `attack`; and the limit that is to end its environment. */
export const attacks = {
  halfOpen: 'connections',
  malformed: 'malformed',
  largeHeaders: 'malformed',
  pipelined: 'pipelining',
  pipelinedNext: 'pipelining',
  requests: 'share',
  connects: 'share',
  drippedHeads: 'malformed',
} as const;

export type Attack = keyof typeof attacks;

/** What costs the daemon something and is held to its share; in two seconds it need not come to an end. */
export const costlyButAllowed = ['tinyChunks', 'endlessBody', 'logLines'] as const;

/** Ten thousand of each, or as many as it gets to send; `spin` uses the processor as hard and asks the Runtime API for nothing. */
export const hostileFiles: Readonly<Record<string, string>> = {
  'index.py': `
import os, socket, threading, time

COUNT = 10_000
API = ('127.0.0.1', 9001)
NEXT = b'GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'

def dial(timeout=0.2):
    connection = socket.create_connection(API, timeout=timeout)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection

def half_open(_):
    held = []
    for _ in range(COUNT):
        try:
            connection = dial(0.05)
            connection.sendall(b'GET / HTTP/1.1\\r\\nHost: ')
            held.append(connection)
        except OSError:
            pass
        if len(held) > 800:
            held.pop(0).close()

def each(text, wait):
    def run(_):
        for _ in range(COUNT):
            try:
                with dial() as connection:
                    connection.sendall(text)
                    if wait:
                        while connection.recv(65536):
                            pass
            except OSError:
                pass
    return run

def pipelined(request):
    def run(_):
        text = request * 1000
        for _ in range(COUNT // 1000):
            try:
                with dial() as connection:
                    connection.sendall(text)
                    while connection.recv(65536):
                        pass
            except OSError:
                pass
    return run

def requests(_):
    def ask():
        try:
            connection = dial(5)
            for _ in range(COUNT // 8):
                connection.sendall(b'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')
                if not connection.recv(65536):
                    return
        except OSError:
            pass
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

def tiny_chunks(_):
    try:
        with dial(5) as connection:
            connection.sendall(b'POST /nowhere HTTP/1.1\\r\\nHost: x\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n')
            chunks = b'1\\r\\nx\\r\\n' * COUNT
            end = time.monotonic() + 2
            while time.monotonic() < end:
                connection.sendall(chunks)
    except OSError:
        pass

def dripped_heads(_):
    connections = []
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            while len(connections) < 30:
                connections.append(dial())
                connections[-1].sendall(b'GET / HTTP/1.1\\r\\nA: ')
        except OSError:
            pass
        for connection in connections[:]:
            try:
                connection.sendall(b'x')
            except OSError:
                connections.remove(connection)

def endless_body(_):
    end = time.monotonic() + 2
    chunk = bytes(1 << 20)
    while time.monotonic() < end:
        try:
            with dial(5) as connection:
                connection.sendall(b'POST /nowhere HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 9000000000\\r\\n\\r\\n')
                while time.monotonic() < end:
                    connection.sendall(chunk)
        except OSError:
            pass

def log_lines(_):
    end = time.monotonic() + 2
    while time.monotonic() < end:
        os.write(1, b'\\n' * 65536)

def spin(_):
    end = time.monotonic() + 2
    while time.monotonic() < end:
        pass

ATTACKS = {
    'halfOpen': half_open,
    'malformed': each(b'\\0\\0\\0 nonsense\\r\\n\\r\\n', True),
    'largeHeaders': each(b'GET / HTTP/1.1\\r\\nHost: x\\r\\nBig: ' + b'x' * 17000 + b'\\r\\n\\r\\n', True),
    'pipelined': pipelined(b'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'),
    'pipelinedNext': pipelined(NEXT),
    'requests': requests,
    'connects': each(b'', False),
    'tinyChunks': tiny_chunks,
    'drippedHeads': dripped_heads,
    'endlessBody': endless_body,
    'logLines': log_lines,
    'spin': spin,
}

invocations = 0

def handler(event, context):
    global invocations
    invocations += 1
    with open('/tmp/mark', 'a') as file:
        file.write('x')
    attack = ATTACKS.get(event.get('attack'))
    if attack is not None:
        attack(context)
    return {'invocations': invocations, 'tmp': os.path.getsize('/tmp/mark')}
`,
};
