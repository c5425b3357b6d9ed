// Where is the one model of this browser kept, and how does it come there? Pieces, each checked before it is written, in OPFS.
import { get } from '../api/client.ts';
import { Problem, Unreachable, problemOf } from '../api/problem.ts';
import { send } from '../api/transport.ts';
import { missingPieces, readOffer, type ModelOffer, type Piece } from './offer.ts';

const FOLDER = '.shiftbook-model';
const FILE = 'model.gguf';
const KEPT = 'shiftbook.device-model';
const LOCK = 'shiftbook-device-model';

/** Why the model does not come, or is not used: `says` names the reason for the page's texts. */
export class ModelTrouble extends Error {
  readonly says: 'damaged' | 'noRoom' | 'otherTab' | 'unsupported' | 'noOffer' | 'engine';

  constructor(says: ModelTrouble['says'], why = '') {
    super(why || says);
    this.name = 'ModelTrouble';
    this.says = says;
  }
}

/** Whether this browser can keep a file for this page: over plain HTTP none can. */
export const canKeep = (): boolean => globalThis.isSecureContext && typeof navigator.storage?.getDirectory === 'function' && 'createWritable' in FileSystemFileHandle.prototype && 'locks' in navigator;

/** What was fetched whole before; null where nothing was. */
export function keptModel(): ModelOffer | null {
  try {
    return readOffer(JSON.parse(localStorage.getItem(KEPT) ?? 'null'));
  } catch {
    return null;
  }
}

/** What the node offers now. Throws Problem (404: it has none), Unreachable, ModelTrouble. */
export async function offeredModel(signal: AbortSignal): Promise<ModelOffer> {
  const offer = readOffer((await get<unknown>('/api/v1/device-model', {}, signal, false)).data);
  if (!offer) throw new ModelTrouble('noOffer');
  return offer;
}

async function handle(create: boolean): Promise<FileSystemFileHandle> {
  const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create });
  return folder.getFileHandle(FILE, { create });
}

export async function removeModel(): Promise<void> {
  localStorage.removeItem(KEPT);
  localStorage.removeItem(`${KEPT}.begun`);
  const root = await navigator.storage.getDirectory();
  await root.removeEntry(FOLDER, { recursive: true }).catch((error: DOMException) => {
    if (error.name !== 'NotFoundError') throw error;
  });
}

/** Fetches what is missing of it and keeps it; another model that was here goes first. Throws Problem, Unreachable, ModelTrouble, AbortError. What came stays for the next time. */
export async function fetchModel(offer: ModelOffer, tell: (done: number) => void, signal: AbortSignal): Promise<void> {
  if (!canKeep()) throw new ModelTrouble('unsupported');
  await navigator.locks.request(LOCK, { ifAvailable: true }, async (lock) => {
    if (!lock) throw new ModelTrouble('otherTab');
    if (localStorage.getItem(`${KEPT}.begun`) !== offer.digest) await removeModel();
    localStorage.setItem(`${KEPT}.begun`, offer.digest);
    const file = await handle(true);
    const missing = missingPieces(offer, (await file.getFile()).size);
    await askForRoom(missing);
    await write(file, offer, missing, tell, signal);
    localStorage.setItem(KEPT, JSON.stringify(offer));
  });
}

async function askForRoom(missing: Piece[]): Promise<void> {
  const { quota = Infinity, usage = 0 } = await navigator.storage.estimate();
  const wanted = (missing.at(-1)?.to ?? 0) - (missing[0]?.from ?? 0);
  if (wanted > quota - usage) throw new ModelTrouble('noRoom');
}

async function write(file: FileSystemFileHandle, offer: ModelOffer, missing: Piece[], tell: (done: number) => void, signal: AbortSignal): Promise<void> {
  if (!missing.length) return;
  const into = await file.createWritable({ keepExistingData: true });
  try {
    for (const piece of missing) {
      tell(piece.from);
      await into.write({ type: 'write', position: piece.from, data: await fetchPiece(offer, piece, signal) });
    }
    tell(offer.size);
  } catch (error) {
    await into.close().catch(() => undefined); // a full disk keeps nothing of it; else what came is kept
    throw isFull(error) ? new ModelTrouble('noRoom') : error;
  }
  await into.close().catch((error: unknown) => {
    throw isFull(error) ? new ModelTrouble('noRoom') : error;
  });
}

const isFull = (error: unknown): boolean => error instanceof DOMException && error.name === 'QuotaExceededError';

async function fetchPiece({ digest }: ModelOffer, piece: Piece, signal: AbortSignal): Promise<ArrayBuffer> {
  const answer = await send({ method: 'GET', path: `/api/v1/device-model/${digest}`, headers: { Range: `bytes=${piece.from}-${piece.to - 1}` }, body: null, signal }).catch((error: unknown) => {
    throw signal.aborted ? error : new Unreachable(String(error));
  });
  if (answer.status !== 206) throw answer.ok ? new Problem(502, 'Bad Gateway', 'the node does not send it in pieces') : await problemOf(answer);
  const data = await answer.arrayBuffer();
  if (!(await isRight(data, piece))) throw new ModelTrouble('damaged');
  return data;
}

async function isRight(data: ArrayBuffer, { from, to, digest }: Piece): Promise<boolean> {
  if (data.byteLength !== to - from) return false;
  const hashed = new Uint8Array(await crypto.subtle.digest('SHA-256', data));
  return Array.from(hashed, (each) => each.toString(16).padStart(2, '0')).join('') === digest;
}

/** The file, checked piece by piece: an engine takes what is no model without a word. Throws ModelTrouble; what is damaged is taken out. */
export async function openModel(offer: ModelOffer): Promise<File> {
  const file = await handle(false).then((found) => found.getFile(), () => null); // the browser cleared it
  let right = file?.size === offer.size;
  for (const piece of right ? missingPieces(offer, 0) : []) right &&= await isRight(await (file as File).slice(piece.from, piece.to).arrayBuffer(), piece);
  if (right && file) return file;
  await removeModel();
  throw new ModelTrouble('damaged');
}
