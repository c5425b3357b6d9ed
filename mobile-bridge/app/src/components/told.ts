// How is an error told to a person? A title and the next step.
import { Problem, Unreachable } from '../api/problem.ts';
import type { IconName } from './icons.ts';
import { t } from '../texts/index.ts';

export interface Told {
  title: string;
  step: string;
  icon: IconName;
  settings: boolean;
}

export function told(error: unknown): Told {
  if (error instanceof Unreachable) return { title: t.errors.unreachable, step: t.errors.unreachableStep, icon: 'offline', settings: true };
  if (error instanceof Error && error.name === 'StoreFull') return { title: t.errors.full, step: t.errors.fullStep, icon: 'alert', settings: true };
  if (error instanceof Error && error.name === 'StoreTooLarge') return { title: t.errors.large, step: t.errors.largeStep, icon: 'alert', settings: false };
  if (!(error instanceof Problem)) return { title: t.errors.title, step: error instanceof Error ? error.message : String(error), icon: 'alert', settings: false };
  if (error.status === 401) return { title: t.errors.token, step: t.errors.tokenStep, icon: 'device', settings: true };
  if (error.status === 403) return { title: t.errors.forbidden, step: error.detail || t.errors.forbiddenStep, icon: 'alert', settings: true };
  if (error.status === 404) return { title: t.errors.missing, step: error.detail || t.errors.missingStep, icon: 'search', settings: false };
  if (error.status === 429 || error.status === 503) return { title: t.errors.busy, step: error.detail || t.errors.busyStep, icon: 'alert', settings: false };
  return { title: error.title, step: error.detail, icon: 'alert', settings: false };
}

/** The same in one line, for a toast. */
export function toldShort(error: unknown): string {
  const { title, step } = told(error);
  return error instanceof Problem && step ? step : `${title}.`;
}
