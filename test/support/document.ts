/**
 * The code of a page for users, as a reader pastes it.
 *
 * All `ts` blocks below one heading are one module: type-checked with the compiler options that the README asks for,
 * compiled into build/, and imported with everything in it exported. A page need not show all of it: what `halyard` and
 * class-validator export is imported where a block uses it, and `given` stands for what is the reader's own. `js` blocks run
 * in a client, `json` blocks are frames. The last test of a page asks for `untaken`: a block that no test has taken is one
 * that nobody has run.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as validator from 'class-validator';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const compilerOptions = {
  target: 'es2022',
  module: 'nodenext',
  strict: true,
  skipLibCheck: true,
  esModuleInterop: true,
  types: ['node'],
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
};

interface Block {
  readonly heading: string;
  readonly language: string;
  readonly code: string;
}

export class Document {
  /** The page as it is. */
  readonly text: string;
  readonly #blocks: readonly Block[];
  readonly #untaken: Set<Block>;
  readonly #folder: string;

  /**
   * Reads and compiles a page.
   *
   * @param path from the root: `docs/presence.md`
   * @param given by heading, declarations that its blocks find; by file name, modules that blocks import
   * @throws what the compiler complains of
   */
  constructor(path: string, given: Readonly<Record<string, string>> = {}) {
    this.text = readFileSync(join(root, path), 'utf8');
    this.#blocks = blocksOf(this.text);
    this.#untaken = new Set(this.#blocks.filter(({ language }) => ['ts', 'js', 'json'].includes(language)));
    mkdirSync(join(root, 'build'), { recursive: true });
    // Inside the checkout, so that `halyard` is this package.
    this.#folder = mkdtempSync(join(root, 'build', 'document-'));
    const headings = new Set(this.#blocks.filter(({ language }) => language === 'ts').map(({ heading }) => heading));
    for (const heading of headings) {
      const code = this.#codes(heading, 'ts').join('\n');
      writeFileSync(this.#file(heading, 'ts'), moduleOf(`${dedent(given[heading] ?? '')}\n${code}`));
    }
    const modules = Object.keys(given).filter((name) => name.endsWith('.ts'));
    for (const name of modules) writeFileSync(join(this.#folder, name), moduleOf(dedent(given[name]!)));
    const files = [...modules, ...[...headings].map((heading) => `${slugOf(heading)}.ts`)];
    writeFileSync(join(this.#folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', this.#folder], { encoding: 'utf8' });
    if (status === 0) return;
    this.close();
    throw new Error(`${path} does not compile:\n${stdout}`);
  }

  /** What the section's `ts` blocks declare. */
  module<T>(heading: string): Promise<T> {
    this.#take(heading, 'ts');
    return load(this.#file(heading, 'js'));
  }

  /** What a module of `given` declares, by its file name. */
  given<T>(file: string): Promise<T> {
    return load(join(this.#folder, file.replace(/\.ts$/, '.js')));
  }

  /** The section's `js` blocks, one after the other. */
  script(heading: string): string {
    return this.#take(heading, 'js').join('\n');
  }

  /** The section's `json` blocks. */
  frames(heading: string): unknown[] {
    return this.#take(heading, 'json').map((code) => JSON.parse(code) as unknown);
  }

  /** What no test has asked for. */
  get untaken(): string[] {
    return [...this.#untaken].map(({ heading, language }) => `${heading}: ${language}`);
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #take(heading: string, language: string): string[] {
    for (const block of this.#untaken) {
      if (block.heading === heading && block.language === language) this.#untaken.delete(block);
    }
    const codes = this.#codes(heading, language);
    if (codes.length === 0) throw new Error(`there is no ${language} block below "${heading}"`);
    return codes;
  }

  #codes(heading: string, language: string): string[] {
    return this.#blocks
      .filter((block) => block.heading === heading && block.language === language)
      .map(({ code }) => code);
  }

  #file(heading: string, extension: string): string {
    return join(this.#folder, `${slugOf(heading)}.${extension}`);
  }
}

/** The first cells of the table in a section of a page, row by row. */
export function tableOf(path: string, heading: string): string[] {
  const [, section = ''] = readFileSync(join(root, path), 'utf8').split(`\n## ${heading}\n`);
  const [own] = section.split('\n## ');
  const rows = own!.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) => row.split(/(?<!\\)\|/)[1]!.trim());
}

async function load<T>(file: string): Promise<T> {
  return (await import(pathToFileURL(file).href)) as T;
}

/** The fenced blocks of a page, each with the heading that it stands below. */
function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  let heading = '';
  for (const [, title, language, code] of markdown.matchAll(/^#{1,6} (.+)$|^ *```(\w+)\n([\s\S]*?)^ *```$/gm)) {
    if (title !== undefined) heading = title;
    else blocks.push({ heading, language: language!, code: code! });
  }
  return blocks;
}

function slugOf(heading: string): string {
  return heading.toLowerCase().replace(/[^a-z0-9]+/g, '-');
}

/** Text without the indentation of its first line. */
function dedent(text: string): string {
  const [indentation] = /^ +(?=\S)/m.exec(text) ?? [''];
  return text.replaceAll(new RegExp(`^${indentation}`, 'gm'), '');
}

/** Code as a module that imports what it uses and exports what it declares. */
function moduleOf(text: string): string {
  const known = new Set([...text.matchAll(/^import [^;]*?\bfrom '/gm)].flatMap(([line]) => wordsOf(line)));
  for (const [, name] of text.matchAll(/^(?:abstract )?(?:class|interface|type|const|function) (\w+)/gm)) {
    known.add(name!);
  }
  const imported = (names: Iterable<string>, from: string): string => {
    const used = new Set(wordsOf(text));
    const missing = [...names].filter((name) => used.has(name) && !known.has(name));
    return missing.length === 0 ? '' : `import { ${missing.join(', ')} } from '${from}';\n`;
  };
  const declarations = text.replace(
    /^(?=(?:abstract |async )?(?:class|interface|type|const|let|function) )/gm,
    'export ',
  );
  return imported(exportedNames(), 'halyard') + imported(Object.keys(validator), 'class-validator') + declarations;
}

function wordsOf(text: string): string[] {
  return text.match(/\b[A-Za-z]\w*/g) ?? [];
}

/** Types as well, which the module itself cannot list. */
function exportedNames(): Set<string> {
  const declared = readFileSync(join(root, 'dist/index.d.ts'), 'utf8');
  const lists = [...declared.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].map(([, list]) => list!);
  return new Set(lists.flatMap((list) => wordsOf(list.replaceAll(/\btype\b/g, ''))));
}
