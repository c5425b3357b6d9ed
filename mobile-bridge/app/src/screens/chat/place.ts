// Where is the chat now: on its own screen, or on the desk beside what runs? What is chosen there stays there.
import { href, router } from '../../router/router.svelte.ts';

export const chatPath = (): string => (router.path === '/desk' ? '/desk' : '/chat');
export const chatHref = (id: string): string => href(`${chatPath()}?c=${encodeURIComponent(id)}`);
