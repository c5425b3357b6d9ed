// Which screen does an address mean?

export type Params = Record<string, string>;

/** The names in a pattern such as `/missions/:name`, filled from a path; null where it does not fit. `*` at the end takes the rest. */
export function match(pattern: string, path: string): Params | null {
  const wanted = pattern.split('/').filter(Boolean);
  const given = path.split('/').filter(Boolean);
  const params: Params = {};
  for (const [n, part] of wanted.entries()) {
    if (part === '*') return { ...params, rest: given.slice(n).join('/') };
    const word = given[n];
    if (word === undefined) return null;
    if (part.startsWith(':')) params[part.slice(1)] = decoded(word);
    else if (part !== word) return null;
  }
  return wanted.length === given.length ? params : null;
}

function decoded(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    return word; // a stray % in an address is a wrong name, not a broken page
  }
}

/** The first route whose pattern fits. */
export function find<R extends { path: string }>(routes: readonly R[], path: string): { route: R; params: Params } | null {
  for (const route of routes) {
    const params = match(route.path, path);
    if (params) return { route, params };
  }
  return null;
}
