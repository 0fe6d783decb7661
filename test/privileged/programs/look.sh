#!/bin/sh
# Prints the complete state of the process that started it, as it is seen inside its environment: sections of lines, in words that posture-table.ts knows.
p=$PPID
section() { echo "=== $1"; }
values() { for path; do echo "$path $(tr '\t\n' '  ' < "$path" 2>&1)"; done; }

section status; cat "/proc/$p/status"
section limits; tail -n +2 "/proc/$p/limits"
section attributes
values "/proc/$p/oom_score_adj" "/proc/$p/personality" "/proc/$p/coredump_filter" "/proc/$p/loginuid" "/proc/$p/setgroups" "/proc/$p/uid_map" \
  "/proc/$p/gid_map" "/proc/$p/projid_map" "/proc/$p/timens_offsets" | sed "s:^/proc/$p/::"
# Of stat, behind the name: session, controlling terminal.
sed 's/.*) //' "/proc/$p/stat" | { read -r _ _ _ session terminal _; echo "session $session"; echo "terminal $terminal"; }
section 'control groups'; cat "/proc/$p/cgroup"
section mounts; cut -d' ' -f4- "/proc/$p/mountinfo"
section namespaces; for link in "/proc/$p"/ns/*; do echo "${link##*/} $(readlink "$link")"; done
section descriptors
for fd in "/proc/$p"/fd/*; do
  target=$(readlink "$fd") && echo "${fd##*/} $target $(sed -n 's/^flags:[[:space:]]*//p' "/proc/$p/fdinfo/${fd##*/}")"
done
section environment; tr '\0' '\n' < "/proc/$p/environ"
section devices
find /dev -mindepth 1 -printf '%p %y %m %l\n'
for path in /dev/*; do [ -c "$path" ] && [ ! -L "$path" ] && echo "$path is $(stat -c '%t:%T' "$path")"; done
find / -xdev \( -type b -o -type c -o -perm /6000 \) 2> /dev/null
section 'writable sysctls'; find /proc/sys -type f -writable 2> /dev/null
section sysctls
cd /proc/sys && values kernel/hostname kernel/domainname kernel/shmmax kernel/shmall kernel/shmmni kernel/msgmax kernel/msgmnb kernel/msgmni kernel/sem \
  fs/mqueue/queues_max fs/mqueue/msg_max fs/mqueue/msgsize_max kernel/random/boot_id net/ipv4/ip_forward net/ipv4/ping_group_range \
  net/ipv4/ip_unprivileged_port_start net/ipv6/conf/all/forwarding net/ipv6/conf/lo/disable_ipv6
for table in tcp tcp6 udp udp6 udplite raw raw6 icmp packet unix netlink; do section "net $table"; tail -n +2 "/proc/net/$table" 2> /dev/null; done
section interfaces; tail -n +3 /proc/net/dev | sed 's/:.*//'
section processes; for process in /proc/[0-9]*; do echo "${process#/proc/} $(stat -c %U "$process") $(cat "$process/comm")"; done 2> /dev/null
section 'first process'
grep -E '^(Uid|Gid|Groups|Threads|Cap...|NoNewPrivs|Seccomp|Seccomp_filters):' /proc/1/status
for path in fd root cwd map_files task/1/fd; do ls "/proc/1/$path" > /dev/null 2>&1 && echo "/proc/1/$path can be listed"; done
for path in environ maps mem stack syscall auxv io; do head -c 1 "/proc/1/$path" > /dev/null 2>&1 && echo "/proc/1/$path can be read"; done
section host
# Its arguments are what must be covered below /proc: a file shows nothing, a directory nobody.
for path in /dev/kmsg /proc/kmsg /etc/machine-id /var/lib/dbus/machine-id /sys/class/dmi/id/product_uuid /proc/key-users "$@"; do
  [ "$(head -c 1 "$path" 2> /dev/null | wc -c)" -gt 0 ] && echo "$path can be read"
  [ -d "$path" ] && [ -n "$(ls -A "$path")" ] && echo "$path can be listed"
done
(: > /dev/tty) 2> /dev/null && echo '/dev/tty can be opened'
section end
