/**
 * Figures arranged for reading, before it is known whether as text or as a page.
 *
 * Figures with the same unit and the same kinds of labels belong together. A few names under many conditions make one table, a row per
 * condition and a column per name; many names make one table per condition, a row per name. A figure whose unit begins with `x` is a
 * ratio, such as `x C`: it stands beside the figure that has its name and its labels.
 */
import type { Figure, SuiteName } from './figures.ts';

export interface Cell {
  readonly value: number;
  /** Smallest and largest of the runs. */
  readonly low: number;
  readonly high: number;
  /** `1.62 x C`, or empty. */
  readonly ratio: string;
}

export interface Row {
  /** As many as the table has headings. */
  readonly head: readonly string[];
  /** As many as the table has columns. */
  readonly cells: readonly (Cell | undefined)[];
}

export interface Table {
  readonly suite: SuiteName;
  /** The labels that all its figures share; may be empty. */
  readonly title: string;
  readonly unit: string;
  readonly headings: readonly string[];
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
  readonly notes: readonly string[];
}

/** More names than this are rows. */
const MAX_COLUMNS = 4;

export function arrange(figures: readonly Figure[]): readonly Table[] {
  const measured = figures.filter((figure) => !isRatio(figure));
  const partners = new Set(measured.map(identityOf));
  const alone = figures.filter((figure) => isRatio(figure) && !partners.has(identityOf(figure)));
  const ratios = new Map(figures.filter(isRatio).map((figure) => [identityOf(figure), ratioText(figure)]));
  const kinds = groupBy(
    [...measured, ...alone],
    (figure) => `${figure.suite} ${figure.unit} ${Object.keys(figure.labels).sort()}`,
  );
  return kinds.flatMap((group) => tablesOf(group, ratios));
}

/** Three significant digits; from 1000 on whole numbers in groups of three. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (Math.abs(value) < 999.5) return String(Number(value.toPrecision(3)));
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ' ');
}

function isRatio({ unit }: Figure): boolean {
  return unit === 'x' || unit.startsWith('x ');
}

function ratioText({ value, unit }: Figure): string {
  return `${formatNumber(value)} ${unit}`;
}

function identityOf({ suite, name, labels }: Figure): string {
  return `${suite} ${name} ${conditionOf(labels)}`;
}

function conditionOf(labels: Figure['labels']): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function tablesOf(group: readonly Figure[], ratios: ReadonlyMap<string, string>): Table[] {
  const names = new Set(group.map(({ name }) => name));
  const conditions = groupBy(group, ({ labels }) => conditionOf(labels));
  if (conditions.length > 1 && names.size <= MAX_COLUMNS) return [conditionsByName(group, conditions, [...names], ratios)];
  return conditions.map((figures) => listOf(figures, ratios));
}

/** A row per condition, a column per name. */
function conditionsByName(
  group: readonly Figure[],
  conditions: readonly (readonly Figure[])[],
  columns: readonly string[],
  ratios: ReadonlyMap<string, string>,
): Table {
  const first = group[0]!;
  const keys = Object.keys(first.labels);
  const headings = keys.filter((key) => group.some(({ labels }) => labels[key] !== first.labels[key]));
  const shared = keys.filter((key) => !headings.includes(key));
  const rows = conditions.map((figures) => ({
    head: headings.map((key) => labelText(figures[0]!.labels[key])),
    cells: columns.map((name) =>
      cellOf(
        figures.find((figure) => figure.name === name),
        ratios,
      ),
    ),
  }));
  return { ...frameOf(group, shared), headings, columns, rows };
}

/** A row per name, one column, all under one condition. */
function listOf(figures: readonly Figure[], ratios: ReadonlyMap<string, string>): Table {
  const rows = figures.map((figure) => ({ head: [figure.name], cells: [cellOf(figure, ratios)] }));
  return { ...frameOf(figures, Object.keys(figures[0]!.labels)), headings: [''], columns: [figures[0]!.unit], rows };
}

function frameOf(group: readonly Figure[], shared: readonly string[]): Pick<Table, 'suite' | 'title' | 'unit' | 'notes'> {
  const { suite, unit, labels } = group[0]!;
  const notes = groupBy(
    group.filter(({ note }) => note !== undefined),
    ({ note }) => note!,
  );
  return {
    suite,
    unit,
    title: shared.map((key) => `${key} ${labelText(labels[key])}`).join(', '),
    notes: notes.map((figures) => (figures.length === group.length ? figures[0]!.note! : noteOf(figures))),
  };
}

/** A note, and whose it is: a name that has it under several conditions is said once. */
function noteOf(figures: readonly Figure[]): string {
  return `${[...new Set(figures.map(({ name }) => name))].join(', ')}: ${figures[0]!.note}`;
}

function labelText(label: string | number | undefined): string {
  return typeof label === 'number' ? formatNumber(label) : (label ?? '');
}

function cellOf(figure: Figure | undefined, ratios: ReadonlyMap<string, string>): Cell | undefined {
  if (figure === undefined) return undefined;
  const runs = figure.runs.length > 0 ? figure.runs : [figure.value];
  const ratio = isRatio(figure) ? '' : (ratios.get(identityOf(figure)) ?? '');
  return { value: figure.value, low: Math.min(...runs), high: Math.max(...runs), ratio };
}

/** In the order in which the keys come. */
function groupBy<T>(items: readonly T[], key: (item: T) => string): (readonly T[])[] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return [...groups.values()];
}
