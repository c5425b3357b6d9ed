// Who am I to this node?
import { get, type Answer } from './client.ts';
import type { Me } from './types.ts';

export const getMe = (signal: AbortSignal | null = null): Promise<Answer<Me>> => get('/api/v1/me', {}, signal);
