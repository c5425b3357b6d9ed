// Can this browser turn speech into words? The Web Speech API, as far as it is used here; browsers name it in two ways.

export interface Recognition {
  lang: string;
  onresult: ((event: { results: Iterable<{ [index: number]: { transcript: string } }> }) => void) | null;
  onerror: ((event: { error: string }) => void) | null;
  onend: (() => void) | null;
  start(): void;
  stop(): void;
  abort(): void;
}

type Named = { SpeechRecognition?: new () => Recognition; webkitSpeechRecognition?: new () => Recognition };

export function recognition(within: Named = globalThis as Named): (new () => Recognition) | null {
  return within.SpeechRecognition ?? within.webkitSpeechRecognition ?? null;
}
