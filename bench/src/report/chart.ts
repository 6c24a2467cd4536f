import * as echarts from 'echarts';
import type { Chart } from '../harness/result';

const SIZE = { width: 760, height: 380 };

/** Draws a chart as SVG text. */
export function drawChart({ title, x, y, series }: Chart): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, ...SIZE });
  try {
    chart.setOption({
      animation: false,
      backgroundColor: '#ffffff',
      title: { text: title, left: 'center', textStyle: { fontSize: 15 } },
      legend: { bottom: 0, data: series.map(({ name }) => name) },
      grid: { left: 70, right: 30, top: 50, bottom: 80 },
      xAxis: { ...axis(x), nameLocation: 'middle', nameGap: 28 },
      yAxis: { ...axis(y), nameLocation: 'middle', nameGap: 50 },
      series: series.map(({ name, points }) => ({
        name,
        type: 'line',
        data: points.map((point) => [...point]),
        symbolSize: 7,
      })),
    });
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}

function axis({ name, log }: { name: string; log?: boolean }) {
  return log ? ({ type: 'log', name } as const) : ({ type: 'value', name, min: 0 } as const);
}
