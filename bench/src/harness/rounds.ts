/** One way of doing the same work. */
export interface Variant<Measurement> {
  readonly name: string;
  measure(): Promise<Measurement>;
}

/**
 * Measures the variants in turn, `rounds` times, each round beginning with the next one: whatever else the machine does in
 * the meantime, warms up or slows down, meets all of them alike, and of several none is measured twice in a row, which
 * would find its caches warm. Figures of one machine mean nothing alone; these are compared.
 */
export async function alternate<Measurement>(
  rounds: number,
  variants: readonly Variant<Measurement>[],
  onMeasured: (name: string, round: number, measurement: Measurement) => void = () => {},
): Promise<Map<string, Measurement[]>> {
  const measured = new Map<string, Measurement[]>(variants.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (let turn = 0; turn < variants.length; turn++) {
      const variant = variants[(round - 1 + turn) % variants.length]!;
      const measurement = await variant.measure();
      measured.get(variant.name)!.push(measurement);
      onMeasured(variant.name, round, measurement);
    }
  }
  return measured;
}
