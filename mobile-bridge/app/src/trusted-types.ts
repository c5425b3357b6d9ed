// Which strings may become scripts? None, but the addresses of our own workers (Trusted Types, where the browser has them).

interface PolicyFactory {
  createPolicy(name: string, rules: { createScriptURL(address: string): string }): unknown;
}

const factory = (globalThis as { trustedTypes?: PolicyFactory }).trustedTypes;
factory?.createPolicy('default', {
  createScriptURL(address) {
    const url = new URL(address, location.href);
    if (url.origin === location.origin && (url.protocol === 'blob:' || url.pathname.startsWith('/app/'))) return address;
    throw new TypeError(`no script may come from ${url.origin}`);
  },
});
