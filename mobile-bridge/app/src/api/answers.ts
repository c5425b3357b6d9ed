// Where is a node's last answer kept? A port; in memory until the offline store takes over.

export interface KeptAnswer {
  data: unknown;
  etag: string | null;
  when: Date;
}

/** Keys are paths with their query. `read` promises null for what it has not; neither rejects. */
export interface AnswerStore {
  read(path: string): Promise<KeptAnswer | null> | KeptAnswer | null;
  write(path: string, answer: KeptAnswer): Promise<void> | void;
  clear(): Promise<void> | void;
  /** All of them, the oldest first; a store that outlives the page has no need to say. */
  all?(): Iterable<[string, KeptAnswer]>;
}

const ROOF = 60;

/** The newest answers, for as long as the page lives. */
export function memoryStore(): AnswerStore {
  const kept = new Map<string, KeptAnswer>();
  return {
    read: (path) => kept.get(path) ?? null,
    write(path, answer) {
      kept.delete(path);
      kept.set(path, answer);
      const oldest = kept.keys().next();
      if (kept.size > ROOF && !oldest.done) kept.delete(oldest.value);
    },
    clear: () => kept.clear(),
    all: () => [...kept],
  };
}
