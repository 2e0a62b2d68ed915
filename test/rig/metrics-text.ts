/** The value of a series, with its labels as they are printed, in what a metrics listener says; NaN where it says none. */
export function valueOf(text: string, series: string): number {
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.slice(series.length),
  );
}
