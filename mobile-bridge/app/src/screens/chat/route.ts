// Who shall answer? Whoever does best, this device, or a node by one way only. A wish holds as long as the page: away from home it would be in the way.
import { chooseWay } from '../../transport/late-lines.ts';
import { pairedNodes } from '../../transport/paired-nodes.ts';
import { isNear } from '../../transport/local-network.ts';

export type Route = 'auto' | 'device' | 'lan' | 'hq';

/** What there is to choose from: ways only where a node has an address in each of two networks. */
export function routesOf(model: boolean, urls: readonly string[]): Route[] {
  const near = urls.filter(isNear).length;
  return ['auto', ...(model ? (['device'] as const) : []), ...(near && near < urls.length ? (['lan', 'hq'] as const) : [])];
}

export const knownUrls = (): string[] => pairedNodes().flatMap(({ urls }) => urls);

/** Has the lines go this way from now on. */
export function takeRoute(route: Route): void {
  void chooseWay(route === 'lan' || route === 'hq' ? route : null);
}
