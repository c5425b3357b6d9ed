// What was typed and not said yet? Kept on this device for each conversation, and what is on its way until the node has it.

const KEY = 'shiftbook.chat.';

export interface DraftBook {
  read(conversation: string): string;
  write(conversation: string, text: string): void;
}

/** Two books: `draft` for what is being typed, `sent` for what no node is known to have. */
export function draftBook(name: 'draft' | 'sent', storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>): DraftBook {
  const key = (conversation: string): string => `${KEY}${name}.${conversation}`;
  return {
    read: (conversation) => storage.getItem(key(conversation)) ?? '',
    write(conversation, text) {
      try {
        if (text) storage.setItem(key(conversation), text);
        else storage.removeItem(key(conversation));
      } catch {
        // a full browser: it lives as long as the page does
      }
    },
  };
}
