// Can this device answer by itself? The model that is kept here, its way here, and its answers, for the page.
import { fetchModel, keptModel, ModelTrouble, offeredModel, openModel, removeModel } from './model-file.ts';
import type { ModelOffer } from './offer.ts';
import { promptOf } from './prompt.ts';
import type { Engine } from './wllama-engine.ts';

/** Milliseconds without a question after which its memory is given back. */
const IDLE_MS = 5 * 60_000;

class DeviceModel {
  kept = $state.raw<ModelOffer | null>(keptModel());
  /** Bytes that are here, while it is fetched; null else. */
  done = $state<number | null>(null);
  error = $state.raw<Error | null>(null);
  /** It is being read into memory. */
  loading = $state(false);
  stop: AbortController | null = null;
}

export const deviceModel = new DeviceModel();

export interface DeviceAnswer {
  text: string;
  tokens: number;
  finish: string;
  first: number | null; // seconds until the first word
  model: ModelOffer;
  left: number;
  cut: number;
}

/** Fetches the model that the node offers, and the engine with it. What goes wrong stands in `error`. */
export async function fetchDeviceModel(offer: ModelOffer): Promise<void> {
  const stop = new AbortController();
  Object.assign(deviceModel, { stop, done: 0, error: null });
  try {
    await close();
    deviceModel.kept = null;
    await fetchModel(offer, (done) => (deviceModel.done = done), stop.signal);
    await keepDeviceEngine();
  } catch (error) {
    if (!stop.signal.aborted) deviceModel.error = error as Error;
  }
  Object.assign(deviceModel, { stop: null, done: null, kept: keptModel() });
}

/** Has what runs the model kept for times without a network; a newer page has another file of it. */
export async function keepDeviceEngine(): Promise<void> {
  await (await import('./wllama-engine.ts')).keepEngine();
}

export async function dropDeviceModel(): Promise<void> {
  await close();
  await removeModel();
  Object.assign(deviceModel, { kept: null, error: null });
}

export const offeredDeviceModel = offeredModel;

let engine: Promise<Engine> | null = null;
let idle: ReturnType<typeof setTimeout> | undefined;

async function close(): Promise<void> {
  clearTimeout(idle);
  const open = engine;
  engine = null;
  await open?.then((one) => one.close(), () => undefined);
}

async function open(offer: ModelOffer): Promise<Engine> {
  deviceModel.loading = true;
  try {
    const file = await openModel(offer);
    return await (await import('./wllama-engine.ts')).openEngine(file);
  } catch (error) {
    deviceModel.kept = keptModel(); // a damaged one is gone
    throw error;
  } finally {
    deviceModel.loading = false;
  }
}

/** Answers here. Throws ModelTrouble where there is no model or it does not run. One answer at a time. */
export async function answerHere(turns: readonly { role: string; text: string }[], asked: string, hear: (text: string) => void, signal: AbortSignal): Promise<DeviceAnswer> {
  const model = deviceModel.kept;
  if (!model) throw new ModelTrouble('noOffer');
  clearTimeout(idle);
  engine ??= open(model);
  const running = await engine.catch((error: unknown) => {
    engine = null;
    throw error;
  });
  const { messages, left, cut } = promptOf(turns, asked);
  const began = performance.now();
  let first: number | null = null;
  try {
    const made = await running.answer(messages, (text) => ((first ??= (performance.now() - began) / 1000), hear(text)), signal);
    return { ...made, first, model, left, cut };
  } catch (error) {
    await close(); // what broke once is begun anew
    throw error;
  } finally {
    idle = setTimeout(() => void close(), IDLE_MS);
  }
}
