// What would a person call this device? A first word for it, which they may change.

export function ownName(agent: string): string {
  const kind = /iPhone/.test(agent) ? 'iPhone' : /iPad/.test(agent) ? 'iPad' : /Android.*Mobile/.test(agent) ? 'Android phone' : /Android/.test(agent) ? 'Android tablet' : /Mac/.test(agent) ? 'Mac' : /Windows/.test(agent) ? 'Windows' : 'Linux';
  const browser = /Firefox/.test(agent) ? 'Firefox' : /Edg\//.test(agent) ? 'Edge' : /Chrom/.test(agent) ? 'Chrome' : 'Safari';
  return `${kind}, ${browser}`;
}
