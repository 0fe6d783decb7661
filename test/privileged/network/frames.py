"""Frames by hand, as no function could send them: run as root in an environment's network namespace.

  frames.py attack LINK SOURCE_MAC ROUTER_MAC SOURCE_IP TARGET_IP...   sends every kind to every target, then {"sent": n, "answers": [...]}
  frames.py count SECONDS LINK...                                      {"LINK": [kinds seen]} of frames that arrive with the mark of an attack
"""
import json, random, socket, struct, sys, time

MARK = b'cloister-attack'
ETH_ALL = 0x0003

def checksum(data):
    if len(data) % 2:
        data += b'\0'
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff

def mac(text):
    return bytes.fromhex(text.replace(':', ''))

def ipv4(source, target, protocol, payload):
    head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(payload), random.randrange(65536), 0, 64, protocol, 0,
                       socket.inet_aton(source), socket.inet_aton(target))
    return head[:10] + struct.pack('!H', checksum(head)) + head[12:] + payload

def l4(source, target, protocol, payload, at):
    pseudo = socket.inet_aton(source) + socket.inet_aton(target) + struct.pack('!BBH', 0, protocol, len(payload))
    return payload[:at] + struct.pack('!H', checksum(pseudo + payload)) + payload[at + 2:]

def icmp(source, target):
    body = struct.pack('!BBHHH', 8, 0, 0, 7, 7) + MARK
    return ipv4(source, target, 1, body[:2] + struct.pack('!H', checksum(body)) + body[4:])

def udp(source, target, port):
    return ipv4(source, target, 17, l4(source, target, 17, struct.pack('!HHHH', 4444, port, 8 + len(MARK), 0) + MARK, 6))

def tcp(source, target, port):
    head = struct.pack('!HHIIBBHHH', random.randrange(20000, 60000), port, 1, 0, 0x50, 2, 8192, 0, 0)
    return ipv4(source, target, 6, l4(source, target, 6, head, 16))

def arp(source_mac, source, target):
    return struct.pack('!HHBBH6s4s6s4s', 1, 0x0800, 6, 4, 1, source_mac, socket.inet_aton(source), b'\0' * 6, socket.inet_aton(target))

def ipv6(target, payload):
    source = socket.inet_pton(socket.AF_INET6, 'fe80::1')
    target = socket.inet_pton(socket.AF_INET6, target)
    pseudo = source + target + struct.pack('!I3xB', len(payload), 58)
    payload = payload[:2] + struct.pack('!H', checksum(pseudo + payload)) + payload[4:]
    return struct.pack('!IHBB16s16s', 0x60000000, len(payload), 58, 255, source, target) + payload

def frames(own, router, source, target):
    everyone, other = b'\xff' * 6, mac('02:63:6c:00:00:63')
    for to in (router, everyone):
        for sender, address in ((own, source), (other, source), (own, '10.203.0.99')):
            yield to, sender, 0x0800, icmp(address, target)
            yield to, sender, 0x0800, udp(address, target, 7777)
            yield to, sender, 0x0800, tcp(address, target, 7777)
            yield to, sender, 0x0800, tcp(address, target, 9001)
        yield to, own, 0x0806, arp(own, source, target)
    many = mac('33:33:00:00:00:01')
    advertisement = struct.pack('!BBHBBHII', 134, 0, 0, 64, 0, 1800, 0, 0) + MARK
    yield many, own, 0x86dd, ipv6('ff02::1', advertisement)
    yield many, own, 0x86dd, ipv6('ff02::1', struct.pack('!BBHHH', 128, 0, 0, 7, 7) + MARK)
    yield router, own, 0x86dd, ipv6('fe80::2', struct.pack('!BBHHH', 128, 0, 0, 7, 7) + MARK)

def kind(frame):
    ether = struct.unpack('!H', frame[12:14])[0]
    if ether == 0x0806:
        return 'arp'
    if ether == 0x86dd:
        return 'ipv6'
    if ether == 0x0800:
        return {1: 'icmp', 6: 'tcp', 17: 'udp'}.get(frame[23], 'ip')
    return hex(ether)

def attack(link, own, router, source, targets):
    own, router = mac(own), mac(router)
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_ALL))
    sock.bind((link, ETH_ALL))
    sent = 0
    for target in targets:
        for to, sender, ether, payload in frames(own, router, source, target):
            sock.send((to + sender + struct.pack('!H', ether) + payload).ljust(60, b'\0'))
            sent += 1
    answers = listen([sock], 0.7)
    print(json.dumps({'sent': sent, 'answers': answers[0]}))

def listen(socks, seconds):
    seen = [[] for _ in socks]
    until = time.monotonic() + seconds
    for sock in socks:
        sock.setblocking(False)
    while time.monotonic() < until:
        for index, sock in enumerate(socks):
            try:
                frame, address = sock.recvfrom(2048)
            except BlockingIOError:
                continue
            # 4: our own, going out.
            if address[2] != 4:
                seen[index].append(kind(frame))
        time.sleep(0.0005)
    return seen

def count(seconds, links):
    socks = []
    for link in links:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_ALL))
        sock.bind((link, ETH_ALL))
        socks.append(sock)
    print('listening', flush=True)
    print(json.dumps(dict(zip(links, [sorted(set(kinds)) for kinds in listen(socks, seconds)]))))

if sys.argv[1] == 'attack':
    attack(sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5], sys.argv[6:])
else:
    count(float(sys.argv[2]), sys.argv[3:])
