/** Directories of Debian packages that an environment does not need: documentation, translations, character sets, package management, tests. */
const leftOut: readonly RegExp[] = [
  /^\/usr\/share\/(doc|doc-base|man|info|locale|lintian|bug|bash-completion|zsh|fish|debconf|perl5|pixmaps|applications|gcc|gdb|menu)(\/|$)/,
  /^\/usr\/share\/(ca-certificates|base-passwd|base-files|debianutils|libc-bin)(\/|$)/,
  /^\/usr\/lib\/[^/]+\/gconv(\/|$)/,
  /^\/usr\/lib\/(systemd|tmpfiles\.d|sysctl\.d|init|apt|dpkg)(\/|$)/,
  /^\/usr\/lib\/python3\.\d+\/(test|idlelib|tkinter|turtledemo|ensurepip|lib2to3|config-[^/]+)(\/|$)/,
  /\/__pycache__(\/|$)/,
  /^\/var\/(lib|cache|log|backups)\/./,
  /^\/(boot|home|media|mnt|srv|dev|proc|sys|run|tmp)\/./,
  /^\/etc\/(apt|cron[^/]*|dpkg|init\.d|logrotate\.d|systemd|kernel|pam\.d|update-motd\.d|X11|rc.\.d|sysctl\.d|ca-certificates)(\/|$)/,
];

/** Whether a path of an unpacked Debian package comes into a runtime's image. */
export function keepsDebianPath(path: string): boolean {
  return !leftOut.some((pattern) => pattern.test(path));
}
