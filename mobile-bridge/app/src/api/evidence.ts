// What did the tests of a result leave? Each file is asked for by its number and its digest, as bytes, and shown only as text or as a picture.
import { pathOf } from './client.ts';
import { Unreachable, problemOf } from './problem.ts';
import { send } from './transport.ts';

export interface EvidenceFile {
  number: number;
  path: string;
  sha256: string;
  size: number;
  media: string;
  cut: boolean;
}

export interface SuiteReport {
  path: string;
  tests: number;
  failed: number;
  errors: number;
  skipped: number;
  failures: { name: string; says: string }[];
}

export interface Evidence {
  files: EvidenceFile[];
  reports: SuiteReport[];
  left_out: { path: string; why: string }[];
  more_left_out: number;
}

const PICTURES = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif']);
/** Bytes of one file that this page takes, whatever the node says. */
const BYTES = 4 * 1024 ** 2;

export const isPicture = ({ media, size }: EvidenceFile): boolean => PICTURES.has(media) && size <= BYTES;
export const isText = ({ media, size }: EvidenceFile): boolean => media === 'text/plain' && size <= BYTES;

/** Its bytes: a picture under the type that was listed, all else under one that no browser shows. Throws Problem and Unreachable. */
export async function loadEvidence(mission: string, file: EvidenceFile, signal: AbortSignal): Promise<Blob> {
  const path = pathOf(`/api/v1/missions/${encodeURIComponent(mission)}/evidence/${file.number}`, { sha256: file.sha256 });
  const answer = await send({ method: 'GET', path, headers: {}, body: null, signal }).catch((error: unknown) => {
    throw signal.aborted ? error : new Unreachable(String(error));
  });
  if (!answer.ok) throw await problemOf(answer);
  return new Blob([(await answer.arrayBuffer()).slice(0, BYTES)], { type: isPicture(file) ? file.media : 'application/octet-stream' });
}
