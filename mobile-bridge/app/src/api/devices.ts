// What does the page ask about devices, and about pairing another one?
import { get, send, type Answer } from './client.ts';

export type DeviceScope = 'look' | 'chat' | 'missions' | 'approvals' | 'sync' | 'ops';
export const DEVICE_SCOPES: readonly DeviceScope[] = ['look', 'chat', 'missions', 'approvals', 'sync', 'ops'];

export interface Device {
  id: string;
  name: string;
  scopes: DeviceScope[];
  may: string[];
  state: 'paired' | 'revoked';
  created: string;
  seen: string | null;
  revoked: string | null;
}

export interface Pairing {
  id: string;
  state: 'open' | 'claimed' | 'waiting' | 'confirmed' | 'refused';
  why: string;
  name: string;
  claimed_name: string;
  scopes: DeviceScope[];
  code: string;
  rivals: number;
  expires: string;
}

export interface NewPairing extends Pairing {
  link: string;
  qr: string[]; // rows of 0 and 1
}

const device = (id: string): string => `/api/v1/devices/${encodeURIComponent(id)}`;
const pairing = (id: string): string => `/api/v1/pairings/${encodeURIComponent(id)}`;

export const listDevices = (signal: AbortSignal): Promise<Answer<{ items: Device[] }>> => get('/api/v1/devices', {}, signal);
export const changeDevice = (id: string, change: { name?: string; scopes?: DeviceScope[] }): Promise<Device> => send('PATCH', device(id), change);
export const revokeDevice = (id: string): Promise<null> => send('DELETE', device(id));
export const beginPairing = (scopes: DeviceScope[], name: string): Promise<NewPairing> => send('POST', '/api/v1/pairings', { scopes, name });
export const getPairing = async (id: string, signal: AbortSignal): Promise<Pairing> => (await get<Pairing>(pairing(id), {}, signal)).data;
export const confirmPairing = (id: string, code: string): Promise<Device> => send('PUT', `${pairing(id)}/confirmation`, { code });
export const refusePairing = (id: string): Promise<null> => send('DELETE', `${pairing(id)}/confirmation`);
