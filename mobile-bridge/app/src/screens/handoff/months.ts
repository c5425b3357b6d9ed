// How does a series of months become a chart for each measure? Pure.
import type { ContinuityMonth } from '../../api/documents.ts';
import { t } from '../../texts/screens.ts';

export interface ChartedMonth {
  month: string;
  share: number | null;
  low: number | null;
  high: number | null;
  says: string;
}

export interface ChartedMeasure {
  key: string;
  name: string;
  short: string;
  months: ChartedMonth[];
}

/** Every measure with its months, the oldest first; one that has not a single case in any month is left out. */
export function charted(series: ContinuityMonth[]): ChartedMeasure[] {
  const first = series.at(-1)?.measures ?? [];
  return first
    .map(({ key, name, short }) => ({ key, name, short, months: series.flatMap((row) => row.measures.filter((one) => one.key === key).map((one) => ({ month: row.month, share: one.share, low: one.low, high: one.high, says: t.continuity.share(one.count, one.of, one.interval_words) }))) }))
    .filter((measure) => measure.months.some((month) => month.share !== null));
}
