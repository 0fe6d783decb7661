/** Where clients of this host reach a listener; one that listens on every address is reached over the loopback. */
export function endpointUrl(listenHost: string, port: number): string {
  if (listenHost === '0.0.0.0') return `http://127.0.0.1:${port}`;
  if (listenHost === '::') return `http://[::1]:${port}`;
  return `http://${listenHost.includes(':') ? `[${listenHost}]` : listenHost}:${port}`;
}
