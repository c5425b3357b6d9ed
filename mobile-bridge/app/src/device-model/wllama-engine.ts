// How does the model run in this browser? llama.cpp as WebAssembly, in one thread: more would need a page that is isolated from all
// other origins, and this one embeds and calls other nodes. Loaded when it is first needed; its worker comes from a blob.
import { LoggerWithoutDebug, Wllama, WllamaAbortError } from '@wllama/wllama/esm/index.js';
import wasm from '@wllama/wllama/esm/single-thread/wllama.wasm?url';
import { ModelTrouble } from './model-file.ts';
import { ANSWER_TOKENS, CONTEXT_TOKENS, type PromptTurn } from './prompt.ts';

/** Milliseconds after which a load counts as hung: it never settles where its file is missing. */
const LOAD_MS = 120_000;
/** As the node asks a model file. */
const SAMPLING = { temp: 0.3, penalty_repeat: 1.1 };

export interface Engine {
  /** The whole answer and how it ended. `hear` gets the words so far. */
  answer(messages: PromptTurn[], hear: (text: string) => void, signal: AbortSignal): Promise<{ text: string; tokens: number; finish: string }>;
  close(): Promise<void>;
}

/** Has the engine's files kept by the service worker, for times without a network. */
export async function keepEngine(): Promise<void> {
  await fetch(wasm);
}

/** Throws ModelTrouble where the file cannot be loaded. */
export async function openEngine(file: Blob): Promise<Engine> {
  const llama = new Wllama({ 'single-thread/wllama.wasm': wasm }, { suppressNativeLog: true, logger: { ...LoggerWithoutDebug, log: () => undefined, warn: () => undefined } });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, failed) => (timer = setTimeout(() => failed(new Error(`not loaded after ${LOAD_MS / 1000} s`)), LOAD_MS)));
  try {
    await Promise.race([llama.loadModel([file], { n_ctx: CONTEXT_TOKENS, n_threads: 1 }), late]);
  } catch (error) {
    await llama.exit().catch(() => undefined); // it may not have begun
    throw new ModelTrouble('engine', String(error));
  } finally {
    clearTimeout(timer);
  }
  return {
    async answer(messages, hear, signal) {
      let [text, tokens] = ['', 0];
      const onNewToken = (_token: number, _piece: Uint8Array, said: string): void => {
        text = said;
        tokens += 1;
        hear(said);
      };
      try {
        text = await llama.createChatCompletion(messages, { nPredict: ANSWER_TOKENS, sampling: SAMPLING, useCache: true, abortSignal: signal, onNewToken });
      } catch (error) {
        if (!(error instanceof WllamaAbortError)) throw new ModelTrouble('engine', String(error));
      }
      return { text, tokens, finish: signal.aborted ? 'cancelled' : tokens >= ANSWER_TOKENS ? 'length' : 'stop' };
    },
    close: () => llama.exit(),
  };
}
