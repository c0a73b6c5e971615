#include "html_page.hpp"
#include "markup.hpp"
#include "picture_colours.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>

namespace tool {
namespace {

std::string colour(const picture_colour& c, bool dark) { return absl::StrFormat("#%06x", dark ? c.dark : c.light); }

std::string colours(bool dark) {
  return absl::StrCat(":root{--page:", colour(picture_background, dark), ";--ink:", colour(picture_texts[0], dark),
                      ";--note:", colour(picture_texts[1], dark), ";--grid:", colour(picture_grid, dark), "}");
}

/// A table wider than the page is scrolled by itself; on paper its cells are wrapped.
std::string style() {
  return absl::StrCat(
      colours(false), "\n@media screen and (prefers-color-scheme:dark){", colours(true), "}\n",
      "html{color-scheme:light dark;background:var(--page);color:var(--ink);"
      "font:15px/1.45 system-ui,\"DejaVu Sans\",Verdana,sans-serif}\n"
      "body{max-width:60rem;margin:0 auto;padding:1rem}\n"
      "h1{font-size:1.4rem;margin:.3rem 0}h2{font-size:1.1rem;margin:1.8rem 0 .5rem}\n"
      "p{margin:.4rem 0;overflow-wrap:anywhere}.origin,.remark,.source{color:var(--note);font-size:.87rem}\n"
      ".headline{font-weight:bold;margin:1rem 0}\n"
      "figure{margin:1.2rem 0}figure svg{max-width:100%;height:auto;border:1px solid var(--grid);border-radius:6px}\n"
      ".scroll{overflow-x:auto}\n"
      "table{border-collapse:collapse;font-variant-numeric:tabular-nums}\n"
      "th,td{padding:.22rem .7rem .22rem 0;text-align:left;vertical-align:top}\n"
      "thead th{vertical-align:bottom;border-bottom:2px solid var(--grid)}"
      "tbody tr{border-bottom:1px solid var(--grid)}tbody th{font-weight:normal;color:var(--note)}\n"
      ".number{text-align:right}td.number{white-space:nowrap}.scroll+.scroll{margin-top:.8rem}td.name{white-space:pre}"
      "\n"
      "@media "
      "print{@page{margin:1.5cm}html{font-size:11px}body{max-width:none;padding:0}.scroll{overflow:visible}td.name{"
      "white-space:pre-wrap}"
      "figure "
      "svg{max-height:21cm;width:auto}figure,tr,h2{break-inside:avoid}h2{break-after:avoid}thead{display:table-header-"
      "group}}\n");
}

void add_facts(std::string& page, const section& s) {
  std::string rows;
  for (const fact& f : s.facts) {
    if (f.aside) continue;
    absl::StrAppend(&rows, "<tr><th scope=\"row\">", markup_text(f.label), "</th><td>", markup_text(f.value.text),
                    f.source.empty() ? "" : absl::StrCat(" <span class=\"source\">", markup_text(f.source), "</span>"),
                    "</td></tr>\n");
  }
  if (!rows.empty()) absl::StrAppend(&page, "<div class=\"scroll\"><table><tbody>\n", rows, "</tbody></table></div>\n");
}

void add_table(std::string& page, const table& t) {
  // Columns of pictures in characters are left out: the page has better ones.
  std::vector<std::size_t> shown;
  for (std::size_t i = 0; i < t.columns.size(); ++i)
    if (!t.columns[i].heading.empty() && !t.columns[i].key.empty()) shown.push_back(i);
  if (t.rows.empty() || shown.empty()) return;
  absl::StrAppend(&page, "<div class=\"scroll\"><table><thead><tr>");
  for (const std::size_t i : shown)
    absl::StrAppend(&page, "<th scope=\"col\"", t.columns[i].right ? " class=\"number\"" : "", ">",
                    markup_text(absl::StrReplaceAll(t.columns[i].heading, {{"\n", " "}})), "</th>");
  absl::StrAppend(&page, "</tr></thead><tbody>\n");
  for (const auto& row : t.rows) {
    absl::StrAppend(&page, "<tr>");
    for (const std::size_t i : shown)
      absl::StrAppend(&page, "<td class=\"", t.columns[i].right ? "number" : "name", "\">", markup_text(row[i].text),
                      "</td>");
    absl::StrAppend(&page, "</tr>\n");
  }
  absl::StrAppend(&page, "</tbody></table></div>\n");
}

} // namespace

std::string html_page(const document& d, const picture_origin& origin, const std::vector<std::string>& pictures) {
  std::string page = absl::StrCat("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                                  "<meta name=\"color-scheme\" content=\"light dark\">\n"
                                  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                                  "style-src 'unsafe-inline'\">\n<title>",
                                  markup_text(origin.title), "</title>\n<style>\n", style(),
                                  "</style>\n</head>\n<body>\n<h1>", markup_text(origin.title), "</h1>\n");
  for (const std::string* line : {&origin.command, &origin.machine, &origin.date})
    absl::StrAppend(&page, "<p class=\"origin\">", markup_text(*line), "</p>\n");
  for (const absl::string_view line : absl::StrSplit(d.headline, '\n', absl::SkipEmpty()))
    absl::StrAppend(&page, "<p class=\"headline\">", markup_text(line), "</p>\n");
  for (const std::string& picture : pictures) absl::StrAppend(&page, "<figure>\n", picture, "</figure>\n");
  for (const section& s : d.sections) {
    absl::StrAppend(&page, "<section>\n");
    if (!s.title.empty()) absl::StrAppend(&page, "<h2>", markup_text(s.title), "</h2>\n");
    add_facts(page, s);
    // Where the short form of a long table is enough for people, the page is one of them.
    constexpr std::size_t long_table = 60;
    if (s.table) add_table(page, s.brief_table && s.table->rows.size() > long_table ? *s.brief_table : *s.table);
    for (const std::string& remark : s.remarks)
      absl::StrAppend(&page, "<p class=\"remark\">", markup_text(remark), "</p>\n");
    absl::StrAppend(&page, "</section>\n");
  }
  return absl::StrCat(page, "</body>\n</html>\n");
}

} // namespace tool
