// Which language does the page speak? One for now; another file of the same shape would be chosen here.
import { en } from './en.ts';

export type Texts = typeof en;
export const t: Texts = en;
