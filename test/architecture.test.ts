/**
 * Holds the sources against docs/ARCHITECTURE.md: who may import whom, what the data plane may touch, how files look. Reads text
 * with node:fs alone, so that a broken dependency cannot silence it.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesBelow, importsOf, readSource, scanSource } from './support/sourceText.ts';

const PROJECT = join(import.meta.dirname, '..');
const SRC = join(PROJECT, 'src');
const ARCHITECTURE = readFileSync(join(PROJECT, 'docs', 'ARCHITECTURE.md'), 'utf8');

/**
 * The table of docs/ARCHITECTURE.md, section 3, row by row. `types of x`: nothing that is loaded at run time; `x/y.ts`: that file;
 * a folder may always import itself. What follows a semicolon in the document is explanation.
 */
const MAY_IMPORT: Readonly<Record<string, string>> = {
  base: 'nothing',
  'memory, packet, scheduler, bpf, config': 'base',
  protocol: 'base, packet',
  table: 'base, memory',
  forward: 'base, packet, table',
  io: 'base, memory, bpf',
  engine: 'base, memory, packet, table, protocol, scheduler, forward',
  dataplane: 'base, memory, packet, table, protocol, scheduler, forward, bpf, io, engine',
  'network, health, vrrp': 'base, packet, types of config',
  control: 'base, config, network, health, vrrp, uvsadm, table/actions.ts, dataplane/handle.ts',
  api: 'base, config, control',
  uvsadm: 'base, table/actions.ts',
  'cli, lab': 'anything',
};

/** No npm package here. */
const DATA_PLANE = ['base', 'memory', 'packet', 'table', 'protocol', 'scheduler', 'forward', 'bpf', 'io', 'engine', 'dataplane'];
/** The two of them that meet the machine; the others also run in a browser page. */
const MEETS_THE_MACHINE = ['io', 'dataplane'];
/** Names that exist in Node without an import. */
const NODE_GLOBALS =
  'Buffer process console global globalThis require module exports __dirname __filename ' +
  'setTimeout setInterval setImmediate clearTimeout clearInterval clearImmediate queueMicrotask';

const SOURCES = filesBelow(SRC)
  .filter((file) => /\.[cm]?[jt]sx?$/.test(file))
  .map((file) => {
    const source = readSource(join(SRC, file));
    // The addon is no file of src/; the test that only one file loads it looks for it by name.
    const imports = importsOf(source).filter(({ specifier }) => !specifier.endsWith('.node'));
    return { file, folder: file.split('/')[0]!, source, imports };
  });

/** Folder -> what it may import, in the words of the table. */
const RULES = new Map<string, string[]>(
  Object.entries(MAY_IMPORT).flatMap(([folders, allowed]) =>
    folders.split(', ').map((folder) => [folder, allowed.split(', ')] as [string, string[]]),
  ),
);

/** The rows of the first table of a `## ` section, cells without code marks; the head row is left out. */
function tableOf(section: string): string[][] {
  const text = ARCHITECTURE.split(/^## /m).find((part) => part.startsWith(section)) ?? '';
  const rows = text.split('\n').filter((line) => line.startsWith('|'));
  const cells = rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.replaceAll('`', '').trim()),
  );
  return cells.slice(2);
}

/** Undefined when `folder` may import `target` (a path below src/), else what is wrong with it. */
function judge(folder: string, target: string, typesOnly: boolean): string | undefined {
  const rule = RULES.get(folder);
  const targetFolder = target.split('/')[0]!;
  if (rule === undefined) return `folder ${folder} has no row in the table`;
  if (targetFolder === folder || rule[0] === 'anything') return undefined;
  if (rule.includes(targetFolder) || rule.includes(target)) return undefined;
  if (typesOnly && rule.includes(`types of ${targetFolder}`)) return undefined;
  return `${folder} may import ${rule.join(', ')}; not ${target}`;
}

/** What every import of `files` breaks, one line each. */
function brokenImports(files: typeof SOURCES): string[] {
  return files.flatMap(({ file, folder, imports }) =>
    imports.flatMap(({ specifier, typesOnly }) => {
      if (!specifier.startsWith('.')) return [];
      const fault = judge(folder, posix.join(posix.dirname(file), specifier), typesOnly);
      return fault === undefined ? [] : [`${file}: ${fault}`];
    }),
  );
}

/** Lines of `files` on which `pattern` matches the code (no comments, no strings). */
function matches(files: typeof SOURCES, pattern: RegExp, text: 'bare' | 'withStrings' = 'bare'): string[] {
  return files.flatMap(({ file, source }) =>
    source[text].split('\n').flatMap((line, i) => (pattern.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : [])),
  );
}

describe('who may import whom', () => {
  test('docs/ARCHITECTURE.md has the same table', () => {
    const documented = tableOf('3.').map(([folders, allowed]) => [folders, allowed!.split(';')[0]]);
    expect(Object.fromEntries(documented)).toEqual(MAY_IMPORT);
  });

  test('every folder of src/ has a row', () => {
    const folders = readdirSync(SRC, { withFileTypes: true }).map((entry) => entry.name);
    expect(folders.filter((folder) => !RULES.has(folder))).toEqual([]);
  });

  test('every import keeps to the table', () => {
    expect(brokenImports(SOURCES)).toEqual([]);
  });

  test('every import of the project names an existing file with its extension', () => {
    const missing = SOURCES.flatMap(({ file, imports }) =>
      imports
        .filter(({ specifier }) => specifier.startsWith('.') && !existsSync(join(SRC, posix.dirname(file), specifier)))
        .map(({ specifier }) => `${file}: ${specifier}`),
    );
    expect(missing).toEqual([]);
  });
});

describe('the data plane', () => {
  const dataPlane = SOURCES.filter(({ folder }) => DATA_PLANE.includes(folder));
  const pure = dataPlane.filter(({ folder }) => !MEETS_THE_MACHINE.includes(folder));
  const importing = (files: typeof SOURCES, unwanted: (specifier: string) => boolean): string[] =>
    files.flatMap(({ file, imports }) =>
      imports.filter((site) => unwanted(site.specifier)).map((site) => `${file}: ${site.specifier}`),
    );

  test('uses no npm package', () => {
    const isPackage = (specifier: string): boolean => !specifier.startsWith('.') && !specifier.startsWith('node:');
    // capPort drives libpcap through a package that may be absent: the one exception, and it is loaded on demand
    expect(importing(dataPlane, isPackage).filter((site) => site !== 'io/capPort.ts: cap')).toEqual([]);
  });

  test('uses no node: module apart from io and dataplane', () => {
    expect(importing(pure, (specifier) => specifier.startsWith('node:'))).toEqual([]);
  });

  test('uses no global of Node apart from io and dataplane', () => {
    const names = NODE_GLOBALS.split(' ').join('|');
    expect(matches(pure, new RegExp(`(?<![\\w$.#])(?:${names})\\b(?!\\??:)`))).toEqual([]);
  });

  test('takes time and randomness as arguments', () => {
    expect(matches(pure, /\b(?:Date\.now|new Date|performance\.now|Math\.random)\b/)).toEqual([]);
  });

  test('loads the addon in io/native.ts alone', () => {
    const others = SOURCES.filter(({ file }) => file !== 'io/native.ts');
    expect(matches(others, /\.node['"`]|\bdlopen\b/, 'withStrings')).toEqual([]);
  });
});

describe('how a file looks', () => {
  test('no file re-exports everything', () => expect(matches(SOURCES, /^\s*export\s*\*/)).toEqual([]));
  test('no default exports', () => expect(matches(SOURCES, /^\s*export\s+default\b|\bas\s+default\b/)).toEqual([]));
  test('no enum', () => expect(matches(SOURCES, /^\s*(?:export\s+|declare\s+|const\s+)*enum\s+\w/)).toEqual([]));

  test('no file has more than 400 lines', () => {
    const lengths = SOURCES.map(({ file, source }) => ({ file, lines: source.bare.trimEnd().split('\n').length }));
    expect(lengths.filter(({ lines }) => lines > 400)).toEqual([]);
  });

  test('every folder of src/ has a README.md of at most 40 lines', () => {
    const folders = [...new Set(SOURCES.map(({ folder }) => folder))];
    const wrong = folders.flatMap((folder) => {
      const path = join(SRC, folder, 'README.md');
      if (!existsSync(path)) return [`src/${folder}/README.md is missing`];
      const lines = readFileSync(path, 'utf8').trimEnd().split('\n').length;
      return lines > 40 ? [`src/${folder}/README.md has ${lines} lines`] : [];
    });
    expect(wrong).toEqual([]);
  });
});

describe('the way of a frame', () => {
  // The table of section 5 is the data: step, file below src/, function. It is edited there.
  const steps = tableOf('5.').map(([step, file, name]) => ({ step: step!, file: file!, name: name! }));

  test('docs/ARCHITECTURE.md names its steps', () => expect(steps.length).toBeGreaterThanOrEqual(8));

  test.each(steps)('$file has $name', ({ file, name }) => {
    const path = join(SRC, file);
    expect(existsSync(path), `src/${file} exists`).toBe(true);
    const declared = new RegExp(`(?:\\bfunction\\s+|^\\s*(?:readonly\\s+|async\\s+)*)${name}\\b\\s*[(<:]`, 'm');
    expect(declared.test(readSource(path).bare), `src/${file} declares ${name}`).toBe(true);
  });
});

describe('the reader of this test', () => {
  const CASES = [
    // name                                 source                                             specifier       typesOnly
    ['a static import', `import { a } from '../x.ts';`, '../x.ts', false],
    ['an import of a namespace', `import * as udp from '../x.ts';`, '../x.ts', false],
    ['an import over several lines', `import {\n  a,\n  b,\n} from '../x.ts';`, '../x.ts', false],
    ['an import for its effect', `import '../x.ts';`, '../x.ts', false],
    ['an import of types', `import type { A } from '../x.ts';`, '../x.ts', true],
    ['an import whose names are all types', `import { type A, type B } from '../x.ts';`, '../x.ts', true],
    ['an import of a type and a value', `import { type A, b } from '../x.ts';`, '../x.ts', false],
    ['a dynamic import', `const x = await import('../x.ts');`, '../x.ts', false],
    ['a type import in place', `let x: import('../x.ts').A;`, '../x.ts', true],
    ['the type of a module', `type X = typeof import('../x.ts');`, '../x.ts', true],
    ['a re-export', `export { a } from '../x.ts';`, '../x.ts', false],
    ['a require', `const x = require('x');`, 'x', false],
    ['an import after a regular expression with a quote', `const r = /'/;\nimport { a } from '../x.ts';`, '../x.ts', false],
    ['an import after a template', 'const t = `$' + '{a ? `}` : "`"} it\'s`;\nimport "../x.ts";', '../x.ts', false],
  ] as const;
  test.each(CASES)('sees %s', (_name, text, specifier, typesOnly) => {
    expect(importsOf(scanSource(text))).toEqual([{ specifier, typesOnly }]);
  });

  test('sees no import in comments, strings and declarations', () => {
    const text = `// import { a } from 'a'\n/* import 'b' */\nconst c = "import 'c'";\nexport const d = 'd';\nexport type E = 'e';`;
    expect(importsOf(scanSource(text))).toEqual([]);
  });

  test('keeps the lines of a file', () => {
    const text = 'a /* x\n y */ b;\n`t\n$' + '{c}\n`; // d\n/re[/]x/g; 4 / 2;';
    expect(scanSource(text).bare).toBe('a     \n      b;\n` \n {c}\n`;     \n/       g; 4 / 2;');
  });

  test('judges an import that the table forbids', () => {
    expect(judge('base', 'memory/layout.ts', true)).toBe('base may import nothing; not memory/layout.ts');
    expect(judge('network', 'config/model.ts', true)).toBeUndefined();
    expect(judge('network', 'config/model.ts', false)).toBeDefined();
    expect(judge('control', 'dataplane/handle.ts', false)).toBeUndefined();
    expect(judge('control', 'dataplane/worker.ts', false)).toBeDefined();
    expect(judge('newcomer', 'base/terms.ts', false)).toBe('folder newcomer has no row in the table');
  });
});
