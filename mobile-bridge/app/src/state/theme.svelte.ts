// Light, dark, or as the system?

export type Theme = 'system' | 'light' | 'dark';
const KEY = 'shiftbook.theme';
const GROUND = { light: '#faf8f3', dark: '#151412' };

function kept(): Theme {
  const said = localStorage.getItem(KEY);
  return said === 'light' || said === 'dark' ? said : 'system';
}

export const theme = $state<{ choice: Theme }>({ choice: kept() });

function apply(choice: Theme): void {
  if (choice === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = choice;
  document.documentElement.style.colorScheme = choice === 'system' ? 'light dark' : choice;
  for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name=theme-color]')) {
    const own = meta.media.includes('dark') ? 'dark' : 'light';
    meta.content = GROUND[choice === 'system' ? own : choice];
  }
}

export function setTheme(choice: Theme): void {
  theme.choice = choice;
  if (choice === 'system') localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, choice);
  apply(choice);
}

apply(theme.choice);
