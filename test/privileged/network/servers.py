"""Stands for everything there is outside: answers on TCP and UDP, and tells each line of JSON what reached it. servers.py NAME TCP_PORTS UDP_PORTS [DNS_ADDRESS...]

UDP port 53 answers every question with 198.51.100.1. On TCP, "fill N" is answered with N bytes, "drain N" takes N bytes and says so, "hold" waits, "keep" is answered
line by line with how many came on this connection, and anything else is answered with who asked.
"""
import json, socket, struct, sys, threading

name = sys.argv[1]

lock = threading.Lock()

def tell(**fact):
    with lock:
        print(json.dumps({'at': name, **fact}), flush=True)

def serve(connection, peer, port):
    tell(protocol='tcp', port=port, peer=peer[0], peerPort=peer[1])
    with connection:
        try:
            asked = connection.recv(100).decode('latin1')
            if asked.startswith('fill '):
                left = int(asked.split()[1])
                while left > 0:
                    left -= connection.send(b'x' * min(left, 65536))
            elif asked.startswith('drain '):
                line, _, begun = asked.partition('\n')
                left = int(line.split()[1]) - len(begun)
                while left > 0:
                    left -= len(connection.recv(65536)) or left
                connection.sendall(b'drained\n')
            elif asked.startswith('keep'):
                lines = asked.count('\n')
                while True:
                    connection.sendall(f'{lines}\n'.encode())
                    more = connection.recv(100)
                    if not more:
                        break
                    lines += more.count(b'\n')
            elif asked.startswith('hold'):
                connection.recv(1)
            else:
                connection.sendall(f'{name} {port} saw {peer[0]}\n'.encode())
        except OSError:
            pass

def tcp(port):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(('0.0.0.0', port))
    sock.listen(1024)
    while True:
        connection, peer = sock.accept()
        threading.Thread(target=serve, args=(connection, peer, port), daemon=True).start()

def udp(address, port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, port))
    while True:
        data, peer = sock.recvfrom(2048)
        tell(protocol='udp', port=port, peer=peer[0], peerPort=peer[1])
        if port == 53:
            question = data[12:data.index(b'\0', 12) + 5]
            ipv4 = question[-4:-2] == b'\0\1'
            answer = b'\xc0\x0c' + struct.pack('!HHIH', 1, 1, 60, 4) + socket.inet_aton('198.51.100.1')
            sock.sendto(data[:2] + struct.pack('!HHHHH', 0x8180, 1, int(ipv4), 0, 0) + question + (answer if ipv4 else b''), peer)
        elif data.startswith(b'echo'):
            sock.sendto(data, peer)

for port in filter(None, sys.argv[2].split(',')):
    threading.Thread(target=tcp, args=(int(port),), daemon=True).start()
for port in filter(None, sys.argv[3].split(',')):
    threading.Thread(target=udp, args=('0.0.0.0', int(port)), daemon=True).start()
for address in sys.argv[4:]:
    threading.Thread(target=udp, args=(address, 53), daemon=True).start()
tell(protocol='ready')
threading.Event().wait()
