/**
 * Reads TypeScript as text, as far as the architecture test needs it: what a file imports, and its code without comments and
 * strings. No parser: a scanner of one pass that knows comments, strings, templates and regular expressions.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

export interface ImportSite {
  /** As written: `../base/terms.ts`, `node:fs`, `zod`. */
  readonly specifier: string;
  /** True when nothing but types comes in, so that nothing is loaded at run time. */
  readonly typesOnly: boolean;
}

export interface SourceText {
  /** Comments blanked, strings kept, same length and lines as the file. */
  readonly withStrings: string;
  /** Comments and the contents of strings blanked. */
  readonly bare: string;
}

/** Paths of the files below `folder`, relative to it, with `/`, sorted. */
export function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/')).sort();
}

/** Reads and scans a file. */
export function readSource(path: string): SourceText {
  return scanSource(readFileSync(path, 'utf8'));
}

/** One token that is not plain code, at the scanner's place; the first that matches wins. */
const TOKEN =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*"|\/(?![*/])(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
/** A slash after one of these begins a regular expression; after a value it divides. */
const BEFORE_REGEX = /(?:^|[=(,:[!&|?{};+\-*%~^<>]|\breturn|\btypeof|\bcase)\s*$/;

const blank = (text: string): string => text.replace(/[^\n]/g, ' ');

/** Blanks comments, and in `bare` also what stands in strings, templates and regular expressions. */
export function scanSource(text: string): SourceText {
  let withStrings = '';
  let bare = '';
  const put = (kept: string, blanked: string): void => {
    withStrings += kept;
    bare += blanked;
  };
  /** Depth of braces at which each open template goes on. */
  const templates: number[] = [];
  let depth = 0;
  let at = 0;
  while (at < text.length) {
    const char = text[at]!;
    if (char === '`' || (char === '}' && templates.at(-1) === depth)) {
      if (char === '}') templates.pop();
      const body = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*(?:`|\$\{|$)/y;
      body.lastIndex = at + 1;
      const piece = char + (body.exec(text)?.[0] ?? '');
      put(piece, char + blank(piece.slice(1, -1)) + (piece.length > 1 ? piece.at(-1)! : ''));
      if (piece.endsWith('${')) templates.push(depth);
      at += piece.length;
      continue;
    }
    TOKEN.lastIndex = at;
    const token = `'"/`.includes(char) ? TOKEN.exec(text)?.[0] : undefined;
    const isComment = token?.startsWith('//') === true || token?.startsWith('/*') === true;
    if (token === undefined || (char === '/' && !isComment && !BEFORE_REGEX.test(bare.slice(-80)))) {
      if (char === '{') depth += 1;
      if (char === '}') depth -= 1;
      put(char, char);
      at += 1;
    } else {
      put(isComment ? blank(token) : token, isComment ? blank(token) : char + blank(token.slice(1, -1)) + token.at(-1)!);
      at += token.length;
    }
  }
  return { withStrings, bare };
}

/** `import x from 'y'`, `import 'y'`, `export { x } from 'y'`; the clause has no quote and no semicolon. */
const STATIC = /^[ \t]*(import|export)\b([^;'"`()]*?)(?:\bfrom\b\s*)?['"]([^'"\n]+)['"]/gm;
/** `import('y')` and `require('y')`, also as a type. */
const CALL = /(typeof\s+|[:<|&=,]\s*)?\b(?:import|require|createRequire\([^)]*\))\s*\(\s*['"`]([^'"`\n]+)['"`]/g;

/** Every import of a file: static, dynamic, of types, and re-exports. */
export function importsOf(source: SourceText): ImportSite[] {
  const sites: ImportSite[] = [];
  for (const [, keyword, clause, specifier] of source.withStrings.matchAll(STATIC)) {
    // `export const x = 'y'` has no clause of names before its string
    if (keyword === 'export' && !/^\s*(type\s*)?[{*]/.test(clause!)) continue;
    sites.push({ specifier: specifier!, typesOnly: isTypeClause(clause!) });
  }
  for (const [, before, specifier] of source.withStrings.matchAll(CALL)) {
    const typesOnly = before !== undefined && (before.startsWith('typeof') || !/[=,]/.test(before));
    sites.push({ specifier: specifier!, typesOnly });
  }
  return sites;
}

/** `type { A, B }`, or `{ type A, type B }`. */
function isTypeClause(clause: string): boolean {
  if (/^\s*type\s+[^\s,]/.test(clause) && !/^\s*type\s+from\b/.test(clause)) return true;
  const names = /^\s*\{([\s\S]*)\}\s*$/.exec(clause)?.[1]?.split(',');
  const given = names?.map((name) => name.trim()).filter((name) => name !== '') ?? [];
  return given.length > 0 && given.every((name) => name.startsWith('type '));
}
