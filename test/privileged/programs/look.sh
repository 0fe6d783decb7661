#!/bin/sh
# Prints the complete state of the process that started it, as it is seen inside its environment.
p=$PPID
for name in status limits mountinfo cgroup personality oom_score_adj timerslack_ns loginuid sessionid coredump_filter setgroups uid_map gid_map projid_map; do
  echo "=== $name"; cat "/proc/$p/$name" 2>/dev/null
done
echo '=== namespaces'; ls -l "/proc/$p/ns" | sed -n 's/.* \([a-z_]*\) -> /\1 /p'
echo '=== descriptors'; for fd in $(ls "/proc/$p/fd"); do printf '%s %s %s\n' "$fd" "$(readlink "/proc/$p/fd/$fd")" "$(sed -n 's/^flags:[[:space:]]*//p' "/proc/$p/fdinfo/$fd")"; done
echo '=== environment'; tr '\0' '\n' < "/proc/$p/environ"
echo '=== devices'; find /dev -mindepth 1 -printf '%y %m %U:%G %p %l\n'; find / -xdev \( -type b -o -type c \) 2>/dev/null; for d in /dev/*; do [ -c "$d" ] && stat -c '%n %t:%T' "$d"; done
echo '=== writable sysctls'; find /proc/sys -type f -writable 2>/dev/null
echo '=== sysctls'; for name in kernel/hostname kernel/domainname kernel/cap_last_cap kernel/pid_max kernel/shmmax kernel/msgmax kernel/sem kernel/shm_rmid_forced fs/mqueue/queues_max kernel/random/boot_id user/max_user_namespaces net/ipv4/ip_forward net/ipv6/conf/all/disable_ipv6 net/ipv6/conf/lo/disable_ipv6 net/ipv4/ping_group_range net/ipv4/ip_unprivileged_port_start net/core/somaxconn; do echo "$name $(cat /proc/sys/$name 2>&1 | tr '\t' ' ')"; done
for table in tcp tcp6 udp udp6 raw raw6 packet netlink unix; do echo "=== net $table"; tail -n +2 /proc/net/$table; done
echo '=== processes'; for d in /proc/[0-9]*; do echo "${d#/proc/} $(cat $d/comm) $(stat -c %U $d)"; done
echo '=== init'; grep -E '^(Uid|Gid|Groups|NoNewPrivs|Seccomp|Seccomp_filters|Cap.*|Threads):' /proc/1/status; ls /proc/1/fd /proc/1/root /proc/1/cwd /proc/1/map_files 2>&1 | head -4; cat /proc/1/environ /proc/1/maps /proc/1/mem 2>&1 | head -3
echo '=== attempts'; (dmesg 2>&1 || cat /dev/kmsg 2>&1) | head -2; cat /etc/machine-id 2>&1; (echo x > /dev/tty) 2>&1; ls -la /proc/keys /proc/key-users 2>&1; cat /proc/keys /proc/key-users 2>&1; hostname
echo '=== end'
