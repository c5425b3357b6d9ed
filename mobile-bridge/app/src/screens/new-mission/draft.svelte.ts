// What is being written? Kept on this device until it is filed.
import type { FieldHelp } from '../../api/types.ts';
import { filingKeys } from './filing-key.ts';
import { withFile, type GivenFile } from './files.ts';
import { withAttachment, withField } from './front-matter.ts';

const KEY = 'shiftbook.draft';

class Draft {
  #text = $state(localStorage.getItem(KEY) ?? '');
  name = $state('');
  /** It is on its way to a node, on whichever screen the person is meanwhile. */
  filing = $state(false);
  /** Files beside it; they live as long as the page does. */
  files = $state.raw<GivenFile[]>([]);

  #keys = filingKeys(localStorage);

  /** The same until it is filed or changed: a line that broke files nothing twice. */
  get key(): string {
    return this.#keys.of(this.text, this.name.trim(), this.files);
  }

  get text(): string {
    return this.#text;
  }

  set text(text: string) {
    this.#text = text;
    try {
      if (text) localStorage.setItem(KEY, text);
      else localStorage.removeItem(KEY);
    } catch {
      // a full browser: the draft lives as long as the page does
    }
  }

  insert = (field: FieldHelp): void => {
    this.text = withField(this.text, field);
  };

  attach = (name: string, content: string): void => {
    this.text = withAttachment(this.text, name, content);
  };

  bring = (file: GivenFile): void => {
    this.files = withFile(this.files, file);
  };

  leave = (name: string): void => {
    this.files = this.files.filter((one) => one.name !== name);
  };

  /** What stands there now, for `clear`. */
  get given(): Pick<Draft, 'text' | 'name' | 'files'> {
    return { text: this.text, name: this.name, files: this.files };
  }

  /** Takes out what was filed; what was written meanwhile stays. */
  clear(filed: Draft['given']): void {
    this.#keys.renew();
    if (this.text === filed.text) this.text = '';
    if (this.name === filed.name) this.name = '';
    this.files = this.files.filter((one) => !filed.files.includes(one));
  }
}

export const draft = new Draft();
