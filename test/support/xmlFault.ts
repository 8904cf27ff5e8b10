/** Whether a page is well-formed as XML, as far as pages of ours go: tags, attributes in double quotes, named entities. */

const TAG = /^<(\/?)([A-Za-z][\w-]*)((?: [\w:-]+="[^"<]*")*) ?(\/?)>$/;
const ENTITY = /&(?!(?:amp|lt|gt|quot|#\d+);)/;

/** What is wrong with `text`, or undefined. */
export function xmlFault(text: string): string | undefined {
  const open: string[] = [];
  const body = text.replace(/^<!DOCTYPE html>/, '');
  if (ENTITY.test(body)) return 'a bare &';
  for (const [tag] of body.matchAll(/<[^<>]*>?/g)) {
    const [, end, name, , empty] = TAG.exec(tag) ?? [];
    if (name === undefined) return `a tag that is none: ${tag}`;
    if (end === '/') {
      const opened = open.pop();
      if (opened !== name) return `</${name}> closes ${opened ?? 'nothing'}`;
    } else if (empty === '') open.push(name);
  }
  return open.length === 0 ? undefined : `${open.join(', ')} is not closed`;
}
