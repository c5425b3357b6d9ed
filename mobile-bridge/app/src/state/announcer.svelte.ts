// What is said to those who listen instead of look?

export const announcer = $state({ says: '' });

/** Says a sentence once, politely. */
export function announce(text: string): void {
  announcer.says = '';
  setTimeout(() => (announcer.says = text), 50); // the same sentence twice is said twice
}
