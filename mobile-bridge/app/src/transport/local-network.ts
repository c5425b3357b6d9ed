// May this page call the local network? The browser asks the person; what they said decides how nodes there are looked for.

export type LocalNetwork = 'granted' | 'prompt' | 'denied' | 'free';

/** `free`: nothing is gated here, because the page itself came from this network, or the browser knows no such gate. */
export async function localNetwork(): Promise<LocalNetwork> {
  if (!isSecureContext) return 'free'; // reads "denied" there, while every call works
  try {
    const status = await navigator.permissions.query({ name: 'local-network' as PermissionName });
    return status.state;
  } catch {
    return 'free';
  }
}

/** Whether an address lies in the local network, as far as it tells. */
export function isNear(url: string): boolean {
  const host = new URL(url).hostname;
  return /^(localhost|127\.|\[::1\]|10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|\[f[cd])/.test(host) || host.endsWith('.local');
}
