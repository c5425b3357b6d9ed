// Which pictures did a result bring? They are asked for one by one, as bytes; only what can be nothing but a picture is shown.
import { get, pathOf } from './client.ts';
import { Unreachable, problemOf } from './problem.ts';
import { send } from './transport.ts';

export interface Picture {
  number: number;
  path: string;
  media: string;
  width: number;
  height: number;
  size: number;
}

export interface Pictures {
  items: Picture[];
  digest: string;
}

const MEDIA = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif']);
/** Pixels and bytes of one that this page shows, whatever the node says. */
const PIXELS = 16_000_000;
const BYTES = 4 * 1024 ** 2;

export const isShown = ({ media, width, height, size }: Picture): boolean => MEDIA.has(media) && width > 0 && height > 0 && width * height <= PIXELS && size <= BYTES;

const place = (mission: string): string => `/api/v1/missions/${encodeURIComponent(mission)}/pictures`;

export const listPictures = async (mission: string, signal: AbortSignal): Promise<Pictures> => (await get<Pictures>(place(mission), {}, signal)).data;

/** Its bytes, under the type that was listed and no other. Throws Problem and Unreachable. */
export async function loadPicture(mission: string, { number, media }: Picture, digest: string, signal: AbortSignal): Promise<Blob> {
  const path = pathOf(`${place(mission)}/${number}`, { digest });
  const answer = await send({ method: 'GET', path, headers: {}, body: null, signal }).catch((error: unknown) => {
    throw signal.aborted ? error : new Unreachable(String(error));
  });
  if (!answer.ok) throw await problemOf(answer);
  return new Blob([(await answer.arrayBuffer()).slice(0, BYTES)], { type: media });
}
