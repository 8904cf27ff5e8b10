/** docs/reference/api.md against the routes. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { answerTo, type DirectorApi, UVSADM_PATH } from '../../src/api/routes.ts';

const PAGE = readFileSync(new URL('../../docs/reference/api.md', import.meta.url), 'utf8');

test('the page has every path that there is, and no other', async () => {
  const { body } = await answerTo({} as DirectorApi, 'GET', '/v1/nothing', '');
  const paths = (body as { error: string }).error.split('there is ')[1]!.split(', ');
  const documented = [...PAGE.matchAll(/^\| `(?:GET|PATCH|POST) (\/v1\/[\w/]+)/gm)].map((match) => match[1]!);
  expect(new Set(documented)).toEqual(new Set(paths));
  expect(paths).toContain(UVSADM_PATH);
});

test.each([...PAGE.matchAll(/^\| `(GET|PATCH|POST) (\/v1\/(?!uvsadm)[\w/]+)/gm)].map((match) => [match[1]!, match[2]!]))(
  '%s %s is a question',
  async (method, path) => {
    expect((await answerTo({} as DirectorApi, method, path, '')).code).not.toBe(405);
  },
);
