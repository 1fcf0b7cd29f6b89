"""`lex import products FILE`: a shop's product file into the catalogue, one transaction a product.

1. The file is read once: encoding, header, format, which rows make up which product (`product_csv/plan`).
2. Each product is read (`product_csv/shopify`, `product_csv/woocommerce`) and brought in (`product_csv/apply`). A bad
   row is told by line and column and left out; the rest comes in.
3. Pictures on other hosts are fetched by a job each, after the commit (`fetch_pictures`).
4. The same file again changes nothing. A dry run does everything and rolls each product back.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lex.catalog import pictures
from lex.core.actor import Actor
from lex.core.errors import Refusal, Unavailable
from lex.core.settings import settings
from lex.db.session import Session, transact
from lex.flows.product_csv.apply import apply
from lex.flows.product_csv.plan import Plan, make_plan
from lex.flows.product_csv.problems import Problem, Problems
from lex.flows.product_csv.shaping import Result
from lex.flows.product_csv.source import Place, Source, open_source
from lex.identity.policy import Permission, demand


@dataclass(slots=True)
class ImportReport:
    """What an import did, or would do. Counts are products; `variants` are those of the products
    brought in, `pictures` those that a job fetches from other hosts, `refused_rows` those that could not be read or
    stand with no product."""

    format: str
    rows: int
    products: int
    is_dry_run: bool
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0
    refused_rows: int = 0
    variants: int = 0
    pictures: int = 0
    categories: list[str] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)


class _Undo(Exception):
    """Rolls a product of a dry run back and carries its result out."""

    def __init__(self, result: Result) -> None:
        super().__init__()
        self.result = result


async def import_products(
    path: Path,
    actor: Actor,
    *,
    encoding: str = "utf-8",
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Import a product CSV of Shopify or WooCommerce. `progress` hears products done and in all.

    Raises `UnreadableFile` when the file as a whole cannot be read, `Forbidden`, and `Unavailable` when the database
    goes away; products brought in until then stay, and the next run finds them unchanged.
    """
    demand(actor, Permission.CATALOG_WRITE)
    source = open_source(path, encoding)
    with source.file:
        plan = make_plan(source)
        report = ImportReport(plan.format.NAME, plan.rows, len(plan.products), dry_run)
        report.problems.add(plan.problems)
        report.refused_rows = len({problem.line for problem in plan.problems})
        for done, places in enumerate(plan.products, 1):
            _count(report, await _bring_in(source, plan, places, actor, dry_run))
            if progress:
                progress(done, len(plan.products))
    return report


async def _bring_in(source: Source, plan: Plan, places: list[Place], actor: Actor, dry_run: bool) -> Result:
    """One product. Whatever stops it is told at its first line."""
    rows = [source.row_at(place) for place in places]

    async def work(session: Session) -> Result:
        # Read anew at each try: bringing a product in drops what cannot come.
        family, problems = plan.format.read(rows, settings().currency, plan.broken)
        if family is None:
            return Result("refused", problems)
        result = await apply(session, plan.format.NAME, plan.format.FIELDS, family, actor.user_id)
        result.problems[:0] = problems
        if result.product_id and result.outcome in ("created", "updated"):
            result.pictures = await pictures.want(session, result.product_id)
        if dry_run or result.outcome == "refused":
            raise _Undo(result)
        return result

    try:
        return await transact(actor, work)
    except _Undo as undone:
        return undone.result
    except Unavailable:
        raise
    except Refusal as refusal:
        problem = Problem(places[0].line, "", refusal.message, "Correct it; the product is left out.")
        return Result("refused", [problem])


def _count(report: ImportReport, result: Result) -> None:
    setattr(report, result.outcome, getattr(report, result.outcome) + 1)
    report.variants += result.variants
    report.pictures += result.pictures
    report.categories += [path for path in result.made_categories if path not in report.categories]
    report.problems.add(result.problems)
