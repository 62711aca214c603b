"""What lenders call their columns, in Simplified and Traditional Chinese and English, by what the book makes of them.

Names are compared without case, spaces and punctuation, and without a unit in brackets; see `normal`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

_UNIT = re.compile(r"[(\[{（【](.{1,12}?)[)\]}）】]$")

SYNONYMS: Final[Mapping[str, str]] = {
    "borrower.key": """
        客户号 客户编号 客户代码 客户ID 客户标识 客户内码 核心客户号 用户号 用户编号 用户ID 会员号
        会员编号 借款人编号 借款人号
        客戶號 客戶編號 客戶代號 客戶代碼 會員編號 借款人編號 用戶編號
        customer_no customer_number customer_id customer_code customer_key customer cust_no cust_id
        cust_num cust_code
        client_no client_id client_number client user_id user_no uid member_id member_no borrower_id
        borrower_no
        borrower_key cif cif_no party_id applicant applicant_id custid acct_holder_id
    """,
    "borrower.name": """
        姓名 客户姓名 客户名称 借款人姓名 借款人名称 借款人 户名 用户姓名 真实姓名 中文姓名 客户名
        客戶姓名 客戶名稱 借款人姓名 戶名 中文姓名
        name full_name customer_name cust_name client_name borrower_name applicant_name display_name
        account_name
    """,
    "borrower.id_number": """
        证件号码 证件号 身份证号 身份证号码 身份证 居民身份证号 借款人证件号码 客户证件号码 证件编号
        證件號碼 證件號 身分證字號 身分證號 身份證字號 身份證號碼 統一編號
        id_number id_no id_card id_card_no idcard identity_no national_id national_id_number cert_no cert_num
        certificate_no ssn nric pan passport_no document_number
    """,
    "contact.sms": """
        手机号码 手机号 手机 移动电话 联系电话 电话 电话号码 联系方式 借款人手机号 客户手机号 本人手机号
        预留手机号 注册手机号
        手機號碼 手機 行動電話 聯絡電話 電話 電話號碼 客戶手機
        mobile mobile_no mobile_number mobile_phone cell cell_phone cellphone phone phone_no phone_number
        telephone tel
        msisdn contact_phone contact_no contact_number
    """,
    "contact.email": """
        邮箱 电子邮箱 邮箱地址 电子邮件 邮件地址 电邮
        郵箱 電子郵件 電子信箱 信箱 電郵
        email e_mail email_address mail email_id
    """,
    "borrower.language": "语言 語言 language lang locale preferred_language",
    "borrower.region": "国家 国家代码 國家 國別 country country_code region_code",
    "borrower.zone": "时区 時區 time_zone timezone tz zone",
    "borrower.grade": """
        风险等级 客户等级 信用等级 评级 客户评级 風險等級 客戶等級 信用評等
        grade risk_grade credit_grade rating risk_level risk_class customer_grade
    """,
    "loan.ref": """
        合同号 合同编号 合同号码 贷款合同号 借款合同号 借款合同编号 借据号 借据编号 借据号码 贷款编号
        贷款号 贷款账号 贷款帐号
        账户号 账号 帐号 放款编号 放款流水号 订单号 贷款单号 借款编号
        合約編號 合約號碼 契約編號 契約號碼 借據號碼 貸款編號 貸款帳號 帳號 放款編號
        contract_no contract_number contract_id contract loan_no loan_number loan_id loan_ref loan_account
        loan_account_no loan loan_acct_no account_no account_number account_id acct_no acct_id agreement_no
        agreement_id facility_no note_no against_loan receipt_no iou_no
    """,
    "loan.product": """
        产品 产品名称 产品代码 产品编号 贷款产品 贷款品种 业务品种 产品类型 贷款类型
        產品 產品名稱 產品代碼 商品名稱 貸款種類 貸款類別
        product product_name product_code loan_product loan_product_name product_type loan_type
    """,
    "loan.method": """
        还款方式 还款方法 還款方式
        repayment_method amortization amortization_type amortisation_type repay_method repayment_type
    """,
    "loan.currency": """
        币种 币别 货币 货币代码 幣別 幣種 貨幣
        currency currency_code ccy curr cur
    """,
    "loan.principal": """
        贷款金额 贷款本金 合同金额 借款金额 放款金额 发放金额 借据金额 贷款总额
        貸款金額 貸款本金 合約金額 撥款金額 放款金額
        loan_amount principal_amount loan_principal amount_financed disbursed_amount disbursement_amount
        original_amount
        contract_amount sanctioned_amount
    """,
    "loan.annual_rate": """
        年利率 利率 执行利率 执行年利率 贷款利率 合同利率 年化利率
        年利率 利率 執行利率 貸款利率
        annual_rate interest_rate annual_interest_rate rate rate_of_interest apr int_rate nominal_rate
    """,
    "loan.started_on": """
        放款日期 放款日 起息日 起息日期 发放日期 合同起始日 贷款发放日 借款日期 贷款起始日
        撥款日 撥款日期 起息日 放款日期 貸款起日
        start_date started_on disbursement_date disbursed_on value_date loan_date origination_date open_date
        booking_date
    """,
    "loan.state": """
        贷款状态 借据状态 合同状态 账户状态 状态
        貸款狀態 帳戶狀態 合約狀態 狀態
        loan_status status account_status contract_status loan_state
    """,
    "loan.autopay": """
        是否代扣 自动扣款 是否自动扣款 代扣标志 自動扣款 自動扣繳
        autopay auto_debit autopay_flag direct_debit auto_pay
    """,
    "installment.number": """
        期数 期次 期号 当前期数 还款期数 还款期次 期序 第几期
        期數 期次 期別 還款期數
        period period_no period_number installment_no installment_number instalment_no instalment_number
        installment
        instalment number seq_no term_no idx due_no num_instalment_number
    """,
    "installment.due_on": """
        应还日期 应还日 应还款日 应还款日期 还款日 到期还款日 到期日 到期日期 应收日期 计划还款日
        本期应还日 约定还款日
        應還日期 應還日 應繳日 應繳日期 繳款截止日 繳款期限 到期日 還款日
        due_date due_on payment_due_date duedate next_due_date installment_due_date repayment_date demand_date
        nxtpaydt pay_by scheduled_date
    """,
    "installment.due": """
        应还金额 应还总额 应还合计 本期应还 本期应还金额 应还款额 期供 月供 月供金额 应还本息 应收金额
        應還金額 應繳金額 應還總額 應繳總額 本期應繳 月付金 月繳金額
        amount_due due_amount total_due payment_due installment_amount instalment_amount emi due
        total_amount_due
        total_payment amt_instalment pmtamtdue due_total repayment_amount monthly_payment
    """,
    "installment.principal": """
        应还本金 本期应还本金 应收本金 本期本金
        應還本金 應繳本金 本期本金
        principal_due due_principal principal principal_amount_due prin_due principal_component
    """,
    "installment.interest": """
        应还利息 本期应还利息 应收利息 本期利息
        應還利息 應繳利息 本期利息
        interest_due due_interest interest interest_amount interest_amount_due int_due interest_component
    """,
    "installment.fee": """
        应还费用 手续费 服务费 应还手续费 应收费用
        應還費用 手續費 服務費 帳管費
        fee fees fee_due due_fee charges service_fee
    """,
    "payment.amount": """
        还款金额 实还金额 实收金额 交易金额 入账金额 扣款金额 已还金额 缴款金额
        還款金額 實還金額 實收金額 繳款金額 入帳金額 扣款金額
        payment_amount paid_amount amount_paid amt_payment repaid_amount received_amount transaction_amount
        debit_amount
    """,
    "payment.paid_on": """
        还款日期 实还日期 实际还款日 实际还款日期 交易日期 入账日期 扣款日期 缴款日期
        還款日期 實還日期 實際還款日 繳款日期 入帳日期 交易日期 扣款日期
        payment_date paid_on paid_date date_paid transaction_date posting_date settlement_date debit_date
        value_dt
        received_on
    """,
    "payment.reference": """
        流水号 交易流水号 还款流水号 流水编号 交易号 交易编号 支付流水号 扣款流水号
        流水號 交易序號 交易編號 還款序號
        reference reference_no reference_number transaction_id transaction_no txn_id txn_no payment_id
        payment_no
        payment_reference trace_no serial_no journal_no
    """,
    "": """
        贷款余额 本金余额 剩余本金 余额 逾期天数 逾期金额 逾期本金 逾期利息 罚息 证件类型 性别 年龄 地址
        备注 五级分类
        貸款餘額 本金餘額 餘額 逾期天數 逾期金額 證件類型 性別 地址 備註
        balance outstanding_balance loan_balance principal_balance remaining_balance balance_loan_amount
        days_past_due
        dpd overdue_days past_due_amount gender sex age address remark remarks comment
    """,
}
"""Target to names. Under the empty target: what the book counts itself or does not keep."""


def normal(name: str) -> str:
    """A column's name to compare by: without its unit, case, spaces and punctuation."""
    bare = _UNIT.sub("", unicodedata.normalize("NFKC", name.strip()).strip())
    return re.sub(r"[\W_]+", "", bare).casefold()


def unit_of(name: str) -> str:
    """'minor' or 'major' when a column's name says in which unit amounts are; '' when it does not."""
    plain = unicodedata.normalize("NFKC", name.strip()).casefold()
    said = match[1] if (match := _UNIT.search(plain)) else plain.rsplit("_", 1)[-1]
    if said in ("分", "fen", "cent", "cents", "minor", "paise", "sen") or "单位:分" in said:
        return "minor"
    if said in ("元", "圆", "圓", "yuan", "rmb", "人民币元", "人民幣元", "新台幣元", "cny", "twd", "major"):
        return "major"
    return ""


KNOWN: Final[Mapping[str, str]] = {
    normal(name): target for target, names in reversed(list(SYNONYMS.items())) for name in names.split()
}
"""Normal name to target."""


def named(column: str) -> tuple[str, bool] | None:
    """The target of a column by its name, and whether the whole name says it; None when nothing known is in it.

    Of a path such as `loan.dueDate` the whole is looked up, then its last part.
    """
    plain = re.sub(r"_(fen|yuan|cents?)$", "", column.strip(), flags=re.IGNORECASE)
    names = [normal(plain), normal(plain.rsplit(".", 1)[-1])]
    for name in names:
        if name in KNOWN:
            return KNOWN[name], True
    inside = [known for known in KNOWN if known in names[-1] and len(known) >= (6 if known.isascii() else 3)]
    return (KNOWN[max(inside, key=len)], False) if inside else None
