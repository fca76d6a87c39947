// Draws the charts of a report with ECharts, sorts its tables, and changes between dark and light.
"use strict";
(function () {
  const began = performance.now();
  const charts = JSON.parse(document.getElementById("charts").textContent);
  // Okabe and Ito, told apart by colour-blind readers; a second set for dark paper.
  const LIGHT = ["#0072b2", "#d55e00", "#007a5a", "#a8517f", "#2f7fb5", "#8f6200", "#4d4d4d"];
  const DARK = ["#56b4e9", "#ff9e5e", "#3fd3a5", "#e79bc8", "#9ad0f5", "#f0c04a", "#c8c8c8"];
  const SYMBOLS = ["circle", "triangle", "rect", "diamond", "roundRect", "arrow", "pin"];
  const DASHES = [[6, 4], [2, 3], [10, 4, 2, 4], [12, 5], [4, 2, 1, 2]];
  const FONT = getComputedStyle(document.body).fontFamily;
  const FULL_HEIGHT = 420;
  const ROW_HEIGHT = 22;
  const drawn = new Map();

  const isDark = () => {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  };
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const colour = (group) => (isDark() ? DARK : LIGHT)[group % LIGHT.length];
  const digits = (x) => {
    if (x === null || x === undefined || Number.isNaN(x)) return "–";
    if (x === 0) return "0";
    const size = Math.abs(x);
    return size < 1e-3 || size >= 1e5 ? x.toExponential(3) : String(Number(x.toPrecision(5)));
  };
  const tick = (x) => {
    const size = Math.abs(x);
    return size !== 0 && (size < 1e-3 || size >= 1e6) ? x.toExponential().replace("e+", "e") : String(Number(x.toPrecision(6)));
  };
  const escaped = (text) =>
    String(text).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
  const isNarrow = () => innerWidth < 640;

  function axis(told, where) {
    const common = {
      name: told.label,
      nameLocation: "middle",
      nameGap: where.isX ? 30 : where.gap,
      nameTextStyle: { color: style("--ink") },
      axisLabel: { color: style("--ink"), hideOverlap: true, show: where.isTold !== false },
      axisLine: { show: true, lineStyle: { color: style("--soft") } },
      splitLine: { lineStyle: { color: style("--line") } },
      gridIndex: where.grid,
    };
    if (where.isTold === false) common.name = "";
    if (told.scale.kind === "names") {
      const names = told.scale.names;
      common.axisLabel.width = isNarrow() ? 90 : where.isX && names.length < 4 ? 280 : 190;
      common.axisLabel.overflow = "truncate";
      if (where.isX && names.length > 6) {
        common.axisLabel.rotate = 60;
        common.axisLabel.width = 110;
      }
      common.axisLabel.hideOverlap = names.length > 60;
      if (names.length <= 60) common.axisLabel.interval = 0;
      return Object.assign(common, { type: "category", data: names, inverse: !where.isX });
    }
    common.axisLabel.formatter = tick;
    if (told.scale.kind === "log") return Object.assign(common, { type: "log", minorSplitLine: { show: false } });
    return Object.assign(common, { type: "value", scale: true });
  }

  function errorBars(entry, own, across) {
    const bar = (params, api) => {
      const [x, y, low, high] = [0, 1, 2, 3].map((d) => api.value(d));
      const a = across ? api.coord([low, y]) : api.coord([x, low]);
      const b = across ? api.coord([high, y]) : api.coord([x, high]);
      const cap = 4;
      const ends = [a, b].map((p) => ({
        type: "line",
        shape: across
          ? { x1: p[0], y1: p[1] - cap, x2: p[0], y2: p[1] + cap }
          : { x1: p[0] - cap, y1: p[1], x2: p[0] + cap, y2: p[1] },
        style: { stroke: own, lineWidth: 1.5 },
      }));
      const shaft = {
        type: "line",
        shape: { x1: a[0], y1: a[1], x2: b[0], y2: b[1] },
        style: { stroke: own, lineWidth: 1.5 },
      };
      return { type: "group", children: [shaft, ...ends], silent: true };
    };
    return Object.assign({}, entry, {
      type: "custom",
      renderItem: bar,
      encode: across ? { x: [0, 2, 3], y: 1 } : { x: 0, y: [1, 2, 3] },
      silent: true,
      tooltip: { show: false },
    });
  }

  function band(entry, told, own) {
    const area = (params, api) => {
      if (params.dataIndex > 0) return;
      const points = told.x.map((x, i) => [x, told.lower[i]]).concat(told.x.map((x, i) => [x, told.upper[i]]).reverse());
      return {
        type: "polygon",
        shape: { points: points.map((p) => api.coord(p)) },
        style: { fill: own, opacity: 0.18 },
        silent: true,
      };
    };
    return Object.assign({}, entry, {
      type: "custom",
      clip: true,
      renderItem: area,
      encode: { x: 0, y: [2, 3] },
      tooltip: { show: false },
      z: 1,
    });
  }

  function series(told, grid) {
    const own = colour(told.group);
    const data = told.x.map((x, i) => {
      const row = [x, told.y[i]];
      if (told.lower) row.push(told.lower[i], told.upper[i]);
      return told.labels ? { value: row, name: told.labels[i] } : row;
    });
    const entry = { name: told.name, data, xAxisIndex: grid, yAxisIndex: grid, itemStyle: { color: own }, clip: true };
    if (told.mark === "band") return [band(entry, told, own)];
    if (told.mark === "bars") return [Object.assign(entry, { type: "bar", barMaxWidth: 36 })];
    if (told.mark === "points") {
      const isHollow = told.is_hollow;
      const isMeasured = told.source !== "model";
      const points = Object.assign({}, entry, {
        type: "scatter",
        symbol: isMeasured ? "circle" : SYMBOLS[told.group % SYMBOLS.length],
        symbolSize: told.x.length > 400 ? 4 : isMeasured ? 9 : 8,
        itemStyle: isHollow
          ? { color: style("--paper"), borderColor: own, borderWidth: 1.8 }
          : { color: own, borderColor: isMeasured ? style("--ink") : own, borderWidth: isMeasured ? 1 : 0 },
        z: 5,
      });
      return told.lower ? [errorBars(entry, own, told.is_across), points] : [points];
    }
    const dash = told.mark === "dashed" ? DASHES[told.group % DASHES.length] : "solid";
    const line = Object.assign(entry, {
      type: "line",
      showSymbol: told.x.length === 1,
      symbolSize: 5,
      lineStyle: { color: own, width: 2, type: dash },
      emphasis: { focus: "series" },
      z: 3,
    });
    return [line];
  }

  function tooltip(kind) {
    return {
      backgroundColor: style("--paper"),
      borderColor: style("--soft"),
      textStyle: { color: style("--ink") },
      confine: true,
      trigger: kind,
    };
  }

  function point(told, names, params) {
    const value = params.value;
    const at = (scale, x) => (scale.kind === "names" ? scale.names[x] || x : digits(x));
    const lines = [`<b>${escaped(params.seriesName)}</b>`];
    if (params.name && Array.isArray(value)) lines.push(escaped(params.name));
    lines.push(`${escaped(names.x.label || "at")}: ${escaped(at(names.x.scale, value[0]))}`);
    lines.push(`${escaped(names.y.label || "at")}: ${escaped(at(names.y.scale, value[1]))}`);
    if (value.length > 3) lines.push(`interval: ${digits(value[2])} to ${digits(value[3])}`);
    return lines.join("<br>");
  }

  function linesOption(chart) {
    const plane = chart.plane;
    const panels = plane.panels;
    const isResidual = panels.length === 2 && panels[1].y.label.startsWith("z");
    const shares = panels.length === 1 ? [1] : isResidual ? [0.66, 0.34] : panels.map(() => 1 / panels.length);
    const names = panels[0].y.scale.kind === "names";
    const rotated = plane.x.scale.kind === "names" && plane.x.scale.names.length > 6;
    const gap = names ? (isNarrow() ? 100 : 200) : 58;
    const bottom = rotated ? 130 : 50;
    const height = chartHeight(chart) - bottom - 54;
    let top = 54;
    const option = { grid: [], xAxis: [], yAxis: [], series: [], legend: { selected: {} } };
    const inside = { type: "inside", zoomOnMouseWheel: "ctrl", moveOnMouseWheel: false, filterMode: "none" };
    panels.forEach((panel, i) => {
      const own = shares[i] * height - (i + 1 < panels.length ? 22 : 0);
      option.grid.push({ left: gap + 18, right: 20, top, height: own });
      top += shares[i] * height;
      option.xAxis.push(axis(plane.x, { isX: true, grid: i, isTold: i + 1 === panels.length }));
      option.yAxis.push(axis(panel.y, { grid: i, gap: names ? gap : 52 }));
      panel.series.forEach((told) => {
        option.series.push(...series(told, i));
        option.legend.selected[told.name] = told.is_shown;
      });
    });
    const all = panels.map((_, i) => i);
    const isOverLines = option.series.some((s) => s.type === "line") && !names && plane.x.scale.kind !== "names";
    Object.assign(option, {
      animation: false,
      aria: { enabled: true, label: { description: `${chart.title}. ${chart.caption} The numbers stand below the chart.` } },
      textStyle: { fontFamily: FONT, color: style("--ink") },
      tooltip: Object.assign(tooltip("item"), {
        formatter: (params) =>
          point(chart, { x: plane.x, y: panels[option.series[params.seriesIndex].yAxisIndex].y }, params),
      }),
      toolbox: {
        right: 4,
        top: 24,
        itemSize: 16,
        iconStyle: { borderColor: style("--soft") },
        feature: {
          dataZoom: { xAxisIndex: all, yAxisIndex: all, title: { zoom: "zoom", back: "back" }, filterMode: "none" },
          restore: { title: "whole" },
          saveAsImage: { title: "picture", name: chart.id },
        },
      },
      dataZoom: [Object.assign({ xAxisIndex: all }, inside)],
      axisPointer: { link: [{ xAxisIndex: "all" }] },
    });
    if (isOverLines) {
      option.tooltip.trigger = "axis";
      option.tooltip.axisPointer = { type: "line", snap: true };
      option.tooltip.formatter = (list) => {
        const rows = list
          .filter((p) => Array.isArray(p.value))
          .slice(0, 14)
          .map((p) => {
            const name = p.name ? ` (${escaped(p.name)})` : "";
            return `${p.marker}${escaped(p.seriesName)}${name}: ${digits(p.value[1])} <small>at ${digits(p.value[0])}</small>`;
          });
        return `${escaped(plane.x.label)}<br>${rows.join("<br>")}`;
      };
    }
    Object.assign(option.legend, {
      type: "scroll",
      left: 4,
      right: 4,
      top: 0,
      textStyle: { color: style("--ink"), fontFamily: FONT },
      pageTextStyle: { color: style("--ink") },
      inactiveColor: style("--faint"),
      itemGap: 16,
      // What is drawn comes first.
      data: [...new Set(option.series.map((s) => s.name))].sort((a, b) => Number(option.legend.selected[b]) - Number(option.legend.selected[a])),
    });
    if (plane.is_isometric) isometric(option, panels[0], chart);
    return option;
  }

  // Both axes of a Nyquist plot span as much per pixel.
  function isometric(option, panel, chart) {
    const shown = panel.series.filter((s) => s.is_shown);
    const all = shown.length ? shown : panel.series;
    const span = (values) => [Math.min(...values), Math.max(...values)];
    const [x0, x1] = span(all.flatMap((s) => s.x).concat(0));
    const [y0, y1] = span(all.flatMap((s) => s.y).concat(0));
    const box = document.getElementById(`chart-${chart.id}`);
    const width = Math.max(120, box.clientWidth - option.grid[0].left - option.grid[0].right);
    const height = option.grid[0].height;
    const unit = 1.06 * Math.max((x1 - x0) / width, (y1 - y0) / height) || 1;
    Object.assign(option.xAxis[0], { min: x0, max: x0 + unit * width, scale: false });
    Object.assign(option.yAxis[0], { min: y0, max: y0 + unit * height, scale: false });
    for (const one of [option.xAxis[0], option.yAxis[0]]) {
      one.axisLabel.formatter = digits;
      one.axisLabel.showMaxLabel = false;
    }
  }

  function mapOption(chart) {
    const map = chart.plane;
    const data = [];
    map.values.forEach((row, y) => row.forEach((value, x) => data.push([x, y, value === null ? "-" : value])));
    const isDiverging = map.range[0] < 0;
    const colours = isDiverging
      ? ["#b2182b", "#f4a582", "#f7f7f7", "#92c5de", "#2166ac"]
      : ["#fff7d6", "#fdcc8a", "#e98b3a", "#a63d6b", "#3b1f6b"];
    const names = (list) => ({
      type: "category",
      data: list,
      axisLabel: { color: style("--ink"), interval: list.length <= 40 ? 0 : "auto", width: 110, overflow: "truncate" },
      axisLine: { lineStyle: { color: style("--soft") } },
      nameLocation: "middle",
      nameTextStyle: { color: style("--ink") },
    });
    const x = Object.assign(names(map.columns), { name: map.x, nameGap: 62 });
    x.axisLabel.rotate = map.columns.length > 8 ? 60 : 0;
    if (!x.axisLabel.rotate) x.nameGap = 30;
    return {
      animation: false,
      aria: { enabled: true, label: { description: `${chart.title}. ${chart.caption} The numbers stand below the chart.` } },
      textStyle: { fontFamily: FONT, color: style("--ink") },
      grid: { left: isNarrow() ? 90 : 130, right: 20, top: 40, bottom: x.axisLabel.rotate ? 150 : 110 },
      xAxis: x,
      yAxis: Object.assign(names(map.rows), { name: map.y, nameGap: isNarrow() ? 74 : 112, inverse: map.is_square }),
      tooltip: Object.assign(tooltip("item"), {
        formatter: (p) =>
          `${escaped(map.rows[p.value[1]])} / ${escaped(map.columns[p.value[0]])}<br>${escaped(map.value)}: <b>${digits(p.value[2])}</b>`,
      }),
      toolbox: { right: 4, top: 4, itemSize: 16, feature: { saveAsImage: { title: "picture", name: chart.id } } },
      visualMap: {
        min: map.range[0],
        max: map.range[1],
        calculable: true,
        orient: "horizontal",
        left: "center",
        bottom: 4,
        text: [map.value, ""],
        textStyle: { color: style("--ink") },
        inRange: { color: colours },
        formatter: digits,
      },
      series: [
        {
          type: "heatmap",
          name: map.value,
          data,
          label: { show: data.length <= 170 && !isNarrow(), formatter: (p) => (p.value[2] === "-" ? "" : String(Number(Number(p.value[2]).toPrecision(2)))), fontSize: 10 },
          emphasis: { itemStyle: { borderColor: style("--ink"), borderWidth: 1 } },
        },
      ],
    };
  }

  function chartHeight(chart) {
    const plane = chart.plane;
    if (plane.kind === "map") return Math.max(360, Math.min(760, 200 + ROW_HEIGHT * plane.rows.length));
    const scale = plane.panels[0].y.scale;
    if (scale.kind === "names") return Math.max(220, 100 + ROW_HEIGHT * scale.names.length);
    return plane.panels.length > 1 ? FULL_HEIGHT + 100 : FULL_HEIGHT;
  }

  function draw(chart) {
    const box = document.getElementById(`chart-${chart.id}`);
    if (drawn.has(chart.id)) drawn.get(chart.id).dispose();
    box.style.height = `${chartHeight(chart)}px`;
    const instance = echarts.init(box, null, { renderer: "svg" });
    instance.setOption(chart.plane.kind === "map" ? mapOption(chart) : linesOption(chart));
    drawn.set(chart.id, instance);
  }

  const byId = new Map(charts.map((chart) => [chart.id, chart]));
  // One chart that cannot be drawn must not keep the others from it.
  const attempt = (chart) => {
    try {
      draw(chart);
    } catch (error) {
      console.error(error);
      document.getElementById(`chart-${chart.id}`).textContent = `This chart cannot be drawn: ${error.message}. Its numbers stand below.`;
    }
  };
  const drawAll = () => charts.forEach((chart) => drawn.has(chart.id) || attempt(chart));
  const redraw = () => [...drawn.keys()].forEach((id) => attempt(byId.get(id)));

  // A chart is drawn when it comes near the window.
  const near = new IntersectionObserver(
    (entries) =>
      entries.forEach((entry) => {
        if (!entry.isIntersecting) return;
        near.unobserve(entry.target);
        const chart = byId.get(entry.target.id.slice("chart-".length));
        if (!drawn.has(chart.id)) attempt(chart);
      }),
    { rootMargin: "400px" },
  );
  charts.forEach((chart) => {
    const box = document.getElementById(`chart-${chart.id}`);
    box.style.height = `${chartHeight(chart)}px`;
    near.observe(box);
  });

  // The numbers behind a chart, as rows.
  function numbers(chart) {
    const plane = chart.plane;
    if (plane.kind === "map") {
      const rows = plane.values.map((row, i) => [plane.rows[i], ...row]);
      return [[`${plane.value}; ${plane.y}`, ...plane.columns], ...rows];
    }
    const at = (scale, x) => (scale.kind === "names" ? (scale.names[x] ?? x) : x);
    const rows = [["series", plane.x.label || "x", "y", "lower", "upper", "interval of", "name", "source"]];
    plane.panels.forEach((panel) =>
      panel.series.forEach((told) =>
        told.x.forEach((x, i) =>
          rows.push([
            plane.panels.length > 1 ? `${told.name} [${panel.y.label}]` : told.name,
            at(plane.x.scale, x),
            at(panel.y.scale, told.y[i]),
            told.lower ? told.lower[i] : "",
            told.upper ? told.upper[i] : "",
            told.lower ? (told.is_across ? "x" : "y") : "",
            told.labels ? told.labels[i] : "",
            told.source,
          ]),
        ),
      ),
    );
    return rows;
  }

  function download(name, rows) {
    const field = (x) => (x === null ? "" : /[",\r\n]/.test(String(x)) ? `"${String(x).replace(/"/g, '""')}"` : String(x));
    const text = rows.map((row) => row.map(field).join(",")).join("\n") + "\n";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = `${name}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  const LONGEST = 400;
  document.querySelectorAll("details.numbers").forEach((details) => {
    details.addEventListener("toggle", () => {
      if (details.dataset.filled) return;
      details.dataset.filled = "yes";
      const chart = byId.get(details.dataset.chart);
      const [head, ...rows] = numbers(chart);
      const cell = (tag, x) => `<${tag}>${escaped(typeof x === "number" ? digits(x) : x === null ? "–" : x)}</${tag}>`;
      const body = rows.slice(0, LONGEST).map((row) => `<tr>${row.map((x) => cell("td", x)).join("")}</tr>`);
      const more = rows.length > LONGEST ? `<p>The first ${LONGEST} of ${rows.length} rows; the file holds all.</p>` : "";
      const box = document.createElement("div");
      box.className = "scroll";
      box.innerHTML = `<table><thead><tr>${head.map((x) => cell("th", x)).join("")}</tr></thead><tbody>${body.join("")}</tbody></table>${more}`;
      const button = document.createElement("button");
      button.textContent = "Save as CSV";
      button.addEventListener("click", () => download(chart.id, numbers(chart)));
      details.append(button, box);
    });
  });

  // Tables sort by the column whose title is pressed, a second time the other way.
  document.querySelectorAll("table.sortable").forEach((table) => {
    table.querySelectorAll("th button").forEach((button, column) => {
      button.addEventListener("click", () => {
        const head = button.closest("th");
        const isRising = head.getAttribute("aria-sort") !== "ascending";
        table.querySelectorAll("th").forEach((th) => th.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", isRising ? "ascending" : "descending");
        const key = (row) => row.cells[column].dataset.v ?? row.cells[column].textContent;
        const rows = [...table.tBodies[0].rows];
        rows.sort((a, b) => {
          const [x, y] = [key(a), key(b)];
          const isNumber = x !== "" && y !== "" && !Number.isNaN(Number(x)) && !Number.isNaN(Number(y));
          const order = isNumber ? Number(x) - Number(y) : String(x).localeCompare(String(y));
          return isRising ? order : -order;
        });
        table.tBodies[0].append(...rows);
      });
    });
  });

  document.getElementById("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  let timer;
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(timer);
    timer = setTimeout(redraw, 150);
  });
  // Paper is light.
  let chosen;
  addEventListener("beforeprint", () => {
    chosen = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = "light";
    drawAll();
    redraw();
  });
  addEventListener("afterprint", () => {
    if (chosen) document.documentElement.dataset.theme = chosen;
    else delete document.documentElement.dataset.theme;
    redraw();
  });

  window.sulfit = { charts, drawn, drawAll, script_ms: performance.now() - began };
})();
