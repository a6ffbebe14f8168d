//! The words of the sample shop: everything that appears as text in its files or in its truth.

/// Declares an enumeration whose members have a written name.
macro_rules! names {
    ($(#[$meta:meta])* $name:ident { $first:ident = $first_text:literal, $($member:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { #[default] $first, $($member,)* }
        impl $name {
            #[allow(dead_code, reason = "not every vocabulary is walked through")]
            pub const ALL: &'static [$name] = &[$name::$first, $($name::$member,)*];
            /// The name as written in files.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $name::$first => $first_text, $($name::$member => $text,)* }
            }
        }
    };
}

names! {
    /// Where an order was taken.
    Sales {
        None = "none",
        OwnSite = "own_site",
        MarketplaceA = "marketplace_a",
        MarketplaceB = "marketplace_b",
        StoreBerlin = "store_berlin",
        StoreHamburg = "store_hamburg",
        StoreMunich = "store_munich",
    }
}

impl Sales {
    pub(super) fn is_marketplace(self) -> bool {
        matches!(self, Sales::MarketplaceA | Sales::MarketplaceB)
    }

    pub(super) fn is_store(self) -> bool {
        matches!(self, Sales::StoreBerlin | Sales::StoreHamburg | Sales::StoreMunich)
    }
}

names! {
    /// Who is credited.
    Marketing {
        Suspense = "suspense",
        Shared = "shared",
        PaidSearch = "paid_search",
        PaidShopping = "paid_shopping",
        PaidSocial = "paid_social",
        Retargeting = "retargeting",
        Display = "display",
        Video = "video",
        Influencer = "influencer",
        Affiliate = "affiliate",
        Email = "email",
        OrganicSearch = "organic_search",
        OrganicSocial = "organic_social",
        Referral = "referral",
        Direct = "direct",
        Marketplace = "marketplace",
        MarketplaceAds = "marketplace_ads",
        Stores = "stores",
    }
}

names! {
    /// The ledger's lines, and its memos, which are outside contribution.
    Line {
        GrossSales = "gross_sales",
        Discounts = "discounts",
        PlatformDiscounts = "platform_discounts",
        ShippingIncome = "shipping_income",
        Returns = "returns",
        Allowances = "allowances",
        RefundedShipping = "refunded_shipping",
        Cancellations = "cancellations",
        Chargebacks = "chargebacks",
        ProductCost = "product_cost",
        LandedCost = "landed_cost",
        CostRecovered = "cost_recovered",
        WriteDowns = "write_downs",
        CarrierCost = "carrier_cost",
        HandlingCost = "handling_cost",
        ReturnLogistics = "return_logistics",
        PaymentFees = "payment_fees",
        MarketplaceFees = "marketplace_fees",
        MediaSpend = "media_spend",
        MediaCredits = "media_credits",
        AffiliateCommission = "affiliate_commission",
        Tax = "tax",
        FootingDifference = "footing_difference",
        FxDifference = "fx_difference",
    }
}

impl Line {
    pub(super) fn is_memo(self) -> bool {
        matches!(self, Line::Tax | Line::FootingDifference | Line::FxDifference)
    }
}

names! {
    /// The shop's streams, by the folder their files are in.
    Stream {
        Orders = "orders",
        OrderLines = "order_lines",
        Refunds = "refunds",
        Spend = "spend",
        Shipments = "shipments",
        Fees = "fees",
        SpendControl = "spend_control",
        ProductCosts = "product_costs",
        FxRates = "fx_rates",
        Promotions = "promotions",
        Inventory = "inventory",
        GlBalances = "gl_balances",
    }
}

names! {
    /// Why a row cannot be placed, the strongest reason first.
    Suspense {
        MissingFxRate = "missing_fx_rate",
        OrderUnknown = "order_unknown",
        OrphanRefund = "orphan_refund",
        OrderDoesNotFoot = "order_does_not_foot",
        UnmappedOrder = "unmapped_order",
        UnmappedCampaign = "unmapped_campaign",
        MissingCost = "missing_cost",
    }
}

names! {
    /// The currencies the shop is paid and pays in. There never is a rate for the last one.
    Currency {
        Eur = "EUR",
        Gbp = "GBP",
        Usd = "USD",
        Sek = "SEK",
        Chf = "CHF",
        Nok = "NOK",
    }
}

names! {
    /// What a refund is for.
    RefundKind {
        Return = "return",
        Allowance = "allowance",
        Shipping = "shipping",
        Cancellation = "cancellation",
        Chargeback = "chargeback",
    }
}

impl RefundKind {
    pub(super) fn line(self) -> Line {
        match self {
            RefundKind::Return => Line::Returns,
            RefundKind::Allowance => Line::Allowances,
            RefundKind::Shipping => Line::RefundedShipping,
            RefundKind::Cancellation => Line::Cancellations,
            RefundKind::Chargeback => Line::Chargebacks,
        }
    }
}

names! {
    /// What a fee is for.
    FeeKind {
        Payment = "payment",
        Marketplace = "marketplace",
        Chargeback = "chargeback",
        PromotionReimbursement = "promotion_reimbursement",
        WriteDown = "write_down",
        Affiliate = "affiliate",
    }
}

impl FeeKind {
    pub(super) fn line(self) -> Line {
        match self {
            FeeKind::Payment => Line::PaymentFees,
            FeeKind::Marketplace => Line::MarketplaceFees,
            FeeKind::Chargeback => Line::Chargebacks,
            FeeKind::PromotionReimbursement => Line::PlatformDiscounts,
            FeeKind::WriteDown => Line::WriteDowns,
            FeeKind::Affiliate => Line::AffiliateCommission,
        }
    }
}

names! {
    /// What a shipment's cost is for.
    CostKind {
        Carrier = "carrier",
        Handling = "handling",
        Return = "return",
    }
}

impl CostKind {
    pub(super) fn line(self) -> Line {
        match self {
            CostKind::Carrier => Line::CarrierCost,
            CostKind::Handling => Line::HandlingCost,
            CostKind::Return => Line::ReturnLogistics,
        }
    }
}

names! {
    /// How a count of stock is wrong.
    Mismatch {
        Oversold = "oversold",
        Hidden = "hidden",
        Negative = "negative",
    }
}

names! {
    /// Why the general ledger is not the shop's own figure.
    Posted {
        Late = "late_posting",
        Manual = "manual_journal",
        Transposed = "transposed_digits",
    }
}

/// Raw refund reasons as the shop's systems write them; nobody mapped the last one.
pub(super) const REASONS: &[(u32, Option<&str>)] = &[
    (18, Some("size_too_small")),
    (12, Some("size_too_large")),
    (7, Some("not_as_pictured")),
    (6, Some("defect")),
    (3, Some("broken_seam")),
    (6, Some("carrier_damage")),
    (4, Some("wrong_article")),
    (4, Some("too_late")),
    (20, Some("no_longer_wanted")),
    (4, Some("changed mind")),
    (1, Some("undeliverable")),
    (4, Some("other")),
    (6, None),
    (1, Some("R99")),
];
